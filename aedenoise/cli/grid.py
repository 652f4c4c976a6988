"""The comparison that the flags describe."""

from __future__ import annotations

import dataclasses
from typing import Any

from aedenoise.cli.experiments import adapt, adapt_to_comparison, read_named, read_overrides
from aedenoise.cli.flags import FLAGS
from aedenoise.cli.values import listed
from aedenoise.config.study import Study
from aedenoise.errors import UsageError


def read_study() -> Study:
    """Returns the named comparison, or the default one, with the grid that flags override."""
    named = _named_study()
    start = named.base if named else read_named()
    overrides = read_overrides()
    levels = listed("noise_levels", float)
    if levels and start.noise.level_max is not None:
        overrides = {"noise.level": levels[0], "noise.level_max": None, **overrides}
    base = adapt(adapt_to_comparison(start), overrides)
    values: dict[str, Any] = {"base": base}
    if FLAGS.dataset is not None:
        values["datasets"] = (FLAGS.dataset,)
    if FLAGS.noise_level is not None:
        values["noise_levels"] = (base.noise.level,)
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
    if named:
        study = dataclasses.replace(named, **values)
    else:
        study = Study(name=FLAGS.experiment or "", **values)
    # Not a check of Study, which also reads folders of earlier versions.
    if len(study.decoders) < 2:
        raise UsageError("--decoders takes two or more to compare, as upsample,transpose:k4")
    return study


def _named_study() -> Study | None:
    if FLAGS.experiment is None:
        return None
    from aedenoise.config.registry import find_study

    return find_study(FLAGS.experiment)


def parse_shard(text: str) -> tuple[int, int]:
    """Parses ``2/3`` as (2, 3), the part of a comparison for this process.

    Raises:
      UsageError: if it is no such part.
    """
    which, _, of = text.partition("/")
    short = max(len(which), len(of)) <= 9
    if short and which.isdecimal() and of.isdecimal() and 1 <= int(which) <= int(of):
        return int(which), int(of)
    raise UsageError(f"--part is a part of all parts, as 2/3, not {text!r}")
