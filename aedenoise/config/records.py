"""An experiment as plain values for JSON, changed field by field, and compared with another."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from aedenoise.config.adversary import AdversaryConfig
from aedenoise.config.code import CodeConfig
from aedenoise.config.data import DataConfig
from aedenoise.config.experiment import Experiment
from aedenoise.config.model import ModelConfig
from aedenoise.config.noise import NoiseConfig
from aedenoise.config.optimizer import OptimizerConfig
from aedenoise.errors import CheckpointError, UsageError

_PARTS: dict[str, type[Any]] = {
    "model": ModelConfig,
    "data": DataConfig,
    "noise": NoiseConfig,
    "optimizer": OptimizerConfig,
    "code": CodeConfig,
    "adversary": AdversaryConfig,
}


def to_dict(experiment: Experiment) -> dict[str, Any]:
    """Converts the experiment to plain values for JSON."""
    return dataclasses.asdict(experiment)


def from_dict(values: Mapping[str, Any]) -> Experiment:
    """Inverts ``to_dict``; raises ``CheckpointError`` on anything it did not write."""
    try:
        values = _with_optimizer_name(values)
        parts = {name: part(**values[name]) for name, part in _PARTS.items() if name in values}
        return Experiment(**{**values, **parts})
    except (TypeError, UsageError) as error:
        raise CheckpointError(
            f"config.json is not an experiment of this version: {error}"
        ) from error


def _with_optimizer_name(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Names the optimizer of a record that was written while there was only Adam."""
    if not isinstance(values, Mapping):
        raise TypeError(f"the experiment is {values!r}, not a mapping")
    recorded = values.get("optimizer")
    if not isinstance(recorded, Mapping) or "name" in recorded:
        return values
    return {**values, "optimizer": {"name": "adam", **recorded}}


def replace(experiment: Experiment, overrides: Mapping[str, Any]) -> Experiment:
    """Replaces fields of ``experiment``; keys are dotted paths such as ``noise.level``."""
    parts: dict[str, dict[str, Any]] = {}
    for path, value in overrides.items():
        part, _, leaf = path.rpartition(".")
        parts.setdefault(part, {})[leaf] = value
    own = parts.pop("", {})
    for part, values in parts.items():
        own[part] = dataclasses.replace(getattr(experiment, part), **values)
    return dataclasses.replace(experiment, **own)


def first_difference(old: Experiment, new: Experiment) -> str | None:
    """Describes the first field that differs: ``field (old value, now new value)``.

    The name is only a label and is not compared.
    """

    def walk(a: Any, b: Any, path: str) -> str | None:
        if isinstance(a, dict):
            found = (walk(a[k], b[k], f"{path}.{k}" if path else k) for k in a)
            return next((difference for difference in found if difference), None)
        return None if a == b else f"{path} ({a!r}, now {b!r})"

    return walk({**to_dict(old), "name": ""}, {**to_dict(new), "name": ""}, "")
