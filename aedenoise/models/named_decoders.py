"""Decoders outside of the package, named ``module:Class``.

The class is a linen module from a code ``[B, h, w, F]`` to logits ``[B, h s^n, w s^n, C]``. It is
constructed with those attributes of ``StagedDecoder``, and those of ``order``, ``tail`` and
``icnr``, that it declares as fields. With ``skip`` other than ``none`` it reads an ``Encoding``.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax

from aedenoise.config import ModelConfig
from aedenoise.errors import UsageError, nearest

# Options of the decoder alone. A class without such a field would ignore them silently.
_MUST_BE_READ = ("kernel_size", "skip", "order", "tail", "icnr")


def find_decoder_class(name: str) -> type[nn.Module]:
    """Imports the class that ``module:Class`` names.

    Raises:
      UsageError: if there is no such module or class, or it is no linen module.
    """
    module_name, _, class_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            raise UsageError(
                f"decoder {name}: no module {error.name} in the current folder or on Python's path"
            ) from error
        raise UsageError(f"decoder {name}: {module_name} needs {error.name}; install it") from error
    except Exception as error:
        raise UsageError(f"decoder {name}: importing it fails: {_line(error)}") from error
    found = getattr(module, class_name, None)
    if found is None:
        classes = [each for each, value in vars(module).items() if _is_linen(value)]
        known = nearest(class_name, classes) if classes else "it has no linen modules"
        raise UsageError(f"{module_name} has no class {class_name!r}; {known}")
    if not _is_linen(found):
        raise UsageError(f"decoder {name} must be a class derived from flax.linen.Module")
    decoder: type[nn.Module] = found
    return decoder


def declares(name: str, field: str) -> bool:
    """Returns True if the class that ``module:Class`` names is constructed with ``field``.

    Raises:
      UsageError: as ``find_decoder_class``.
    """
    return field in _fields(find_decoder_class(name))


def build_named_decoder(config: ModelConfig, attributes: Mapping[str, Any]) -> nn.Module:
    """Constructs the decoder that ``config.decoder`` names.

    Args:
      config: the network.
      attributes: attributes of ``StagedDecoder``; those that the class does not declare are left
        out.

    Raises:
      UsageError: if the class is not found, cannot be constructed, or has no field for an option
        that is not the default.
    """
    name = config.decoder
    kind = find_decoder_class(name)
    declared = _fields(kind)
    defaults = {field.name: field.default for field in dataclasses.fields(ModelConfig)}
    for option in _MUST_BE_READ:
        value = getattr(config, option)
        if option not in declared and value != defaults[option]:
            raise UsageError(
                f"decoder {name} has no field {option}, so {option} {value} would change nothing; "
                "leave it out"
            )
    options = {option: getattr(config, option) for option in ("order", "tail", "icnr")}
    offered = {**attributes, **options}
    try:
        return kind(**{field: value for field, value in offered.items() if field in declared})
    except Exception as error:
        raise UsageError(
            f"decoder {name} cannot be constructed: {_line(error)}; give its own fields defaults"
        ) from error


def check_named_decoder(
    name: str, decoder: nn.Module, code: Any, image_shape: tuple[int, int, int]
) -> None:
    """Traces a decoder on one code, without computing it.

    Args:
      name: its name, for messages.
      decoder: the constructed decoder.
      code: shape and dtype of a code ``[1, h, w, F]``, or an ``Encoding`` of them.
      image_shape: the shape ``[H, W, C]`` that it must return.

    Raises:
      UsageError: if it fails, returns another shape, or keeps variables other than parameters.
    """

    shape = getattr(code, "code", code).shape
    try:
        variables: Any = jax.eval_shape(lambda c: decoder.init(jax.random.key(0), c), code)
        if others := sorted({*variables} - {"params"}):
            raise UsageError(
                f"decoder {name} keeps {', '.join(others)}; it must be a function of parameters"
            )
        logits: Any = jax.eval_shape(lambda v, c: decoder.apply(v, c), variables, code)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"decoder {name} fails on a code {shape}: {_line(error)}") from error
    expected = (1, *image_shape)
    if getattr(logits, "shape", None) != expected:
        found = getattr(logits, "shape", type(logits).__name__)
        raise UsageError(
            f"decoder {name} returns {found} for an image {expected}; enlarge the code by the "
            "encoder's strides, to the image's channels"
        )


def _fields(kind: type[nn.Module]) -> set[str]:
    return {field.name for field in dataclasses.fields(kind) if field.init}


def _is_linen(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, nn.Module)


def _line(error: Exception) -> str:
    """Returns the type and the beginning of an error of foreign code, which may have many lines."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
