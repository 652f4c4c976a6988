"""Growth of a comparison: which study continues another, and the study of both."""

from __future__ import annotations

import dataclasses
from typing import Any

from aedenoise.config.records import first_difference, replace
from aedenoise.config.study import AXES, Study


def study_difference(old: Study, new: Study) -> str | None:
    """Describes the first field in which ``new`` does not continue ``old``: ``field (old value, now
    new value)``.

    A study continues another of the same base and reference if each axis has all its values.
    Numbers of seeds may differ: cells of different seeds do not depend on each other.
    """
    # Dataset and noise level of the base are in the grid; epochs are ignored.
    same = {"data.dataset": old.datasets[0], "noise.level": 0.0, "epochs": 1}
    difference = first_difference(replace(old.base, same), replace(new.base, same))
    if difference:
        return difference
    for axis in AXES:
        before, after = getattr(old, axis), getattr(new, axis)
        other_reference = axis == "decoders" and before[0] != after[0]
        if other_reference or not set(before) <= set(after):
            return f"{axis} ({_listed(before)}, now {_listed(after)})"
    return None


def grow_study(old: Study, new: Study) -> Study:
    """Returns ``old`` with the additional values and seeds of ``new``, behind its own."""
    grown: dict[str, Any] = {
        axis: tuple(dict.fromkeys((*getattr(old, axis), *getattr(new, axis)))) for axis in AXES
    }
    return dataclasses.replace(old, **grown, seeds=max(old.seeds, new.seeds))


def _listed(values: tuple[Any, ...]) -> str:
    return ",".join(map(str, values))
