"""Fields of a configuration that describe themselves.

The command line generates a flag from each field that carries an ``Option``; the default stands in
the dataclass alone. ``check_fields`` checks values against annotation and bound.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple

from aedenoise.errors import UsageError

_KEY = "option"
# Headings of fields that stand in another dataclass than the rest of their group.
DENSE = "Dense networks and penalties on the code"
GAN = "GANs and adversarial losses"
# Greatest widths, numbers of examples, and steps or epochs: beyond any use, so that a slip of the
# keyboard is told at once.
MOST_WIDTH = 2**16
MOST_EXAMPLES = 2**31 - 1
MOST_STEPS = 10**9
MOST_EPOCHS = 10**6
# Kinds of values by annotation.
_KINDS = {
    "bool": "bool",
    "float": "float",
    "int": "integer",
    "str": "string",
    "Path": "string",
    "tuple[int, ...]": "list",
    "tuple[float, ...]": "list",
    "tuple[str, ...]": "list",
}
# Types by annotation, in words; ``bool`` is no number although Python counts it as one.
_TYPES: dict[str, tuple[type, str]] = {
    "bool": (bool, "true or false"),
    "float": (Real, "a number"),
    "int": (Integral, "a whole number"),
    "str": (str, "a text"),
}


@dataclass(frozen=True, kw_only=True)
class Option:
    """Description of a field for people.

    Attributes:
      help: a noun phrase.
      choices: the values, where they are names of a closed list.
      flag: the flag's name, where it is not the field's.
      group: heading in the help, where it is not that of the field's dataclass.
      kind: of the flag's value, where the annotation does not tell.
      most: greatest value of an integer, or of each in a list.
      detail: the short help gives the name only.
    """

    help: str
    choices: tuple[str, ...] = ()
    flag: str = ""
    group: str = ""
    kind: str = ""
    most: int | None = None
    detail: bool = False


class OptionField(NamedTuple):
    """A described field: its dotted path, flag, kind of value, default and description."""

    path: str
    flag: str
    kind: str
    default: Any
    option: Option


def option(
    default: Any,
    help: str,
    *,
    choices: Sequence[str] = (),
    flag: str = "",
    group: str = "",
    kind: str = "",
    most: int | None = None,
    detail: bool = False,
) -> Any:
    """Makes a dataclass field with a default and an ``Option``."""
    words: dict[str, Any] = {"flag": flag, "group": group, "kind": kind, "detail": detail}
    described = describe(help, choices=choices, most=most, **words)
    return dataclasses.field(default=default, metadata=described)


def describe(help: str, *, choices: Sequence[str] = (), **words: Any) -> dict[str, Option]:
    """Makes the metadata of a field that has no default."""
    return {_KEY: Option(help=help, choices=tuple(choices), **words)}


def option_fields(config: type[Any], prefix: str = "") -> Iterator[OptionField]:
    """Yields the described fields of a dataclass and of the dataclasses in it."""
    for field in dataclasses.fields(config):
        path = prefix + field.name
        described: Option | None = field.metadata.get(_KEY)
        if described:
            default = None if field.default is dataclasses.MISSING else field.default
            kind = described.kind or _KINDS[str(field.type).removesuffix(" | None")]
            yield OptionField(path, described.flag or field.name, kind, default, described)
        elif dataclasses.is_dataclass(field.default_factory):
            yield from option_fields(field.default_factory, f"{path}.")


def check_fields(config: Any) -> None:
    """Checks the fields of a dataclass against their annotations and greatest values.

    Raises:
      UsageError: naming the first that does not fit.
    """
    for field in dataclasses.fields(config):
        described: Option | None = field.metadata.get(_KEY)
        name = (described and described.flag) or field.name
        _check_value(name, str(field.type), getattr(config, field.name))
        if described and described.most is not None:
            check_most(name, getattr(config, field.name), described.most)


def _check_value(name: str, annotation: str, value: Any) -> None:
    if value is None and annotation.endswith(" | None"):
        return
    annotation = annotation.removesuffix(" | None")
    if annotation.startswith("tuple[") and annotation.endswith(", ...]"):
        # JSON gives lists.
        if not isinstance(value, tuple | list):
            raise UsageError(f"{name} must be a list, not {value!r}")
        for each in value:
            _check_value(f"each of {name}", annotation[len("tuple[") : -len(", ...]")], each)
    elif annotation in _TYPES:
        kind, words = _TYPES[annotation]
        if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
            raise UsageError(f"{name} must be {words}, not {value!r}")


def check_most(name: str, value: Any, most: int) -> None:
    """Raises ``UsageError`` if a number, or one of a list, is above ``most``."""
    for each in value if isinstance(value, tuple | list) else (value,):
        if each is not None and each > most:
            raise UsageError(f"{name} must be at most {most:,}, not {shorten(each)}")


def shorten(number: int) -> str:
    """Formats a number that may have thousands of digits."""
    # str() refuses integers of more than 4,300 digits.
    return str(number) if abs(number) < 10**30 else "a number of more than 30 digits"
