"""What the flags say of a comparison."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from aedenoise.cli.definitions import FLAGS
from aedenoise.cli.values import listed, overrides
from aedenoise.config import replace
from aedenoise.errors import UsageError

if TYPE_CHECKING:
    from aedenoise.config.study import Study

# Flags of one network that a comparison says per decoder or per grid.
PER_DECODER = {
    "decoder": "--decoders=upsample,transpose:k4",
    "order": "--decoders=upsample:resize_conv",
    "tail": "--decoders=transpose:notail",
    "icnr": "--decoders=subpixel:noicnr",
    "epochs": "--steps=1000",
}


def with_grid(study: Study) -> Study:
    """``study`` with what flags say of it."""
    values: dict[str, Any] = {"base": replace(study.base, overrides())}
    if FLAGS.dataset is not None:
        values["datasets"] = (FLAGS.dataset,)
    if FLAGS.noise_level is not None:
        values["noise_levels"] = (values["base"].noise.level,)
    for flag, field, convert in (
        ("decoders", "decoders", str),
        ("datasets", "datasets", str),
        ("noise_levels", "noise_levels", float),
        ("match", "matches", str),
        ("steps", "steps", int),
    ):
        if FLAGS[flag].value is not None:
            values[field] = listed(flag, convert)
    if FLAGS.seeds is not None:
        values["seeds"] = FLAGS.seeds
    return dataclasses.replace(study, **values)


def parse_shard(text: str) -> tuple[int, int]:
    """``2/3`` as (2, 3): the part of a comparison that this process is to do.

    Raises:
      UsageError: if it is no such thing.
    """
    which, _, of = text.partition("/")
    if which.isdecimal() and of.isdecimal() and 1 <= int(which) <= int(of):
        return int(which), int(of)
    raise UsageError(f"--part is the first to the last of all parts, as 2/3, not {text!r}")
