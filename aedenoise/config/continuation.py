"""Longer training of a run: what may be asked for, and with which settings it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aedenoise.config.experiment import Experiment
from aedenoise.config.records import first_difference, from_dict, replace

# Key in config.json of the epochs and the warm-up with which a prolonged run was begun.
BEGUN = "begun_with"


def warmup_steps(share: float, total_steps: int) -> int:
    """Returns the number of warm-up steps in a stage of ``total_steps``."""
    # At least one step is left: cosine decay over zero steps is refused by Optax.
    return min(round(share * total_steps), total_steps - 1)


def settle(config: Mapping[str, Any], asked: Experiment) -> Experiment | None:
    """Returns the experiment that a run trains on with if ``asked`` is given the same workdir.

    It is that of the run, or one of more epochs in which the steps so far would have been the same.
    Warm-up is a share of all steps, so with more of them the share is smaller than asked.

    Args:
      config: content of the run's ``config.json``.
      asked: experiment from flags or from Python.

    Returns:
      The experiment; None if ``asked`` is another one or cannot continue the run.
    """
    recorded = from_dict(config["experiment"])
    if first_difference(recorded, asked) is None:
        return asked
    if asked.epochs < recorded.epochs or not may_grow(recorded):
        return None
    share = recorded.optimizer.warmup
    if asked.epochs > recorded.epochs:
        if not config.get("total_steps"):
            return None
        total = config["total_steps"]
        share = warmup_steps(share, total) / (total // recorded.epochs * asked.epochs)
    going_on = replace(recorded, {"epochs": asked.epochs, "optimizer.warmup": share})
    for known in (going_on, _as_begun(config, going_on)):
        if first_difference(known, asked) is None:
            return replace(going_on, {"name": asked.name})
    return None


def _as_begun(config: Mapping[str, Any], experiment: Experiment) -> Experiment:
    """Returns ``experiment`` with the share of warm-up that its user gives."""
    return replace(experiment, {"optimizer.warmup": begun_with(config)["warmup"]})


def begun_with(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the epochs and the share of warm-up that the run of ``config`` was begun with."""
    recorded = from_dict(config["experiment"])
    begun = {"epochs": recorded.epochs, "warmup": recorded.optimizer.warmup}
    return dict(config.get(BEGUN, begun))


def may_grow(experiment: Experiment) -> bool:
    """Returns True if the steps of a run do not depend on the number of steps that follow."""
    return experiment.optimizer.schedule == "constant" and not experiment.greedy_epochs


def difference(config: Mapping[str, Any], asked: Experiment) -> str | None:
    """Describes why a run cannot train on as ``asked``; None if it can."""
    if settle(config, asked) is not None:
        return None
    recorded = _as_begun(config, from_dict(config["experiment"]))
    found = first_difference(recorded, asked)
    grown = asked.epochs > recorded.epochs and not may_grow(recorded)
    if grown and first_difference(replace(recorded, {"epochs": asked.epochs}), asked) is None:
        why = (
            "layer-wise stages"
            if recorded.greedy_epochs
            else f"the {recorded.optimizer.schedule} schedule"
        )
        return f"{found}, and {why} would have been another from the start"
    return found
