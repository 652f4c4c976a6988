"""Fields of a configuration that describe themselves.

The command line generates a flag from each field that carries an ``Option``; the default stands in
the dataclass alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

_KEY = "option"
# Headings of fields that stand in another dataclass than the rest of their group.
DENSE = "Dense networks and penalties on the code"
GAN = "GANs and adversarial losses"
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


@dataclass(frozen=True, kw_only=True)
class Option:
    """Description of a field for people.

    Attributes:
      help: a noun phrase.
      choices: the values, where they are names of a closed list.
      flag: the flag's name, where it is not the field's.
      group: heading in the help, where it is not that of the field's dataclass.
      kind: of the flag's value, where the annotation does not tell.
      detail: the short help gives the name only.
    """

    help: str
    choices: tuple[str, ...] = ()
    flag: str = ""
    group: str = ""
    kind: str = ""
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
    detail: bool = False,
) -> Any:
    """Makes a dataclass field with a default and an ``Option``."""
    described = describe(help, choices=choices, flag=flag, group=group, kind=kind, detail=detail)
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
