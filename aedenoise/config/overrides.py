"""Overrides of an experiment that keep it possible.

An override can make another field impossible: with ``epochs=1`` there is no room for 50
``clean_epochs``. Such a dependent field is scaled or reset where the user did not give it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from aedenoise.config.data import FOLDERS
from aedenoise.config.defaults import GAN_DEFAULTS, NOISY_DEFAULTS, PAIRS_DEFAULTS
from aedenoise.config.experiment import Experiment
from aedenoise.config.fields import option_fields
from aedenoise.config.noise import NO_NOISE, RECORDED, noise_parts
from aedenoise.config.records import replace
from aedenoise.errors import UsageError, nearest

# Fields that mean something only together with another one.
_DEPENDENT = (
    "clean_epochs",
    "greedy_epochs",
    "level_power",
    "noise.level_max",
    "noise.mean",
    "model.condition",
    "model.order",
    "model.tail",
    "model.icnr",
    "code.sparsity_weight",
    "code.sparsity_target",
    "adversary.loss",
    "adversary.regularizer",
    "adversary.r1_weight",
    "adversary.average",
)
# Parts that depend on the network as a whole.
_OF_NETWORK = ("model", "noise", "code", "adversary")


def override(
    experiment: Experiment, given: Mapping[str, Any], *, adapt: bool = True
) -> tuple[Experiment, tuple[str, ...]]:
    """Replaces fields of an experiment, and adapts those that depend on them.

    ``model.network="gan"`` brings ``GAN_DEFAULTS`` where the experiment is no GAN yet, and a folder
    of noisy images ``NOISY_DEFAULTS``, pairs of folders ``PAIRS_DEFAULTS``.

    Args:
      experiment: the experiment to start from.
      given: new values by dotted path, such as ``noise.level``; none of them is adapted.
      adapt: allows changes of dependent fields.

    Returns:
      The new experiment, and a line for each field that was adapted.

    Raises:
      UsageError: if the values contradict each other or a field that does not adapt; the message
        names the flags to change.
    """
    known = ("name", *_flatten(experiment))
    for path in given:
        if path not in known:
            raise UsageError(f"unknown field {path!r}; {nearest(path, known)}")
    becomes_gan = _changes_network(experiment, given) and given["model.network"] == "gan"
    values = {**GAN_DEFAULTS, **given} if becomes_gan else dict(given)
    dataset = str(given.get("data.dataset", ""))
    if dataset.startswith("noisy:") and not experiment.data.noisy:
        values = {**NOISY_DEFAULTS, **values}
    if dataset.startswith("pairs:") and not experiment.data.paired:
        values = {**PAIRS_DEFAULTS, **values}
    _check_level(experiment, values)
    _check_squares(experiment, values)
    try:
        return replace(experiment, values), ()
    except UsageError as error:
        fixes = _possible(experiment, values, given) if adapt else None
        if fixes is None:
            raise _advise(error, experiment, values, given) from None
    adapted = replace(experiment, {**values, **fixes})
    because = _cause(experiment, values, given)
    old = _flatten(experiment)
    # Without noise its other settings do not count: no line says that they are reset.
    silent = adapted.noise.kind == NO_NOISE
    told = {path: new for path, new in fixes.items() if not (silent and path.startswith("noise."))}
    return adapted, tuple(_note(path, old[path], new) + because for path, new in told.items())


def _possible(
    experiment: Experiment, values: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Returns the fewest changes of dependent fields that make the experiment possible."""
    old, default = _flatten(experiment), _flatten(Experiment())
    fixes = {
        path: default[path]
        for path in _dependents(experiment, given)
        if path not in values and old[path] != default[path]
    }
    if not _legal(experiment, {**values, **fixes}):
        return None
    for path in list(fixes):
        reset = fixes.pop(path)
        scaled = _scaled(path, experiment, values)
        if _legal(experiment, {**values, **fixes}):
            continue  # the field may keep its value
        fixes[path] = scaled
        if not _legal(experiment, {**values, **fixes}):
            fixes[path] = reset
    return fixes


def _dependents(experiment: Experiment, given: Mapping[str, Any]) -> Iterator[str]:
    if not _changes_network(experiment, given):
        yield from _DEPENDENT
        return
    yield from ("clean_epochs", "greedy_epochs", "level_power", "loss")
    # Noise that the pictures have already stays, whatever the network.
    parts = _OF_NETWORK if experiment.noise.kind != RECORDED else {*_OF_NETWORK} - {"noise"}
    for path in _flatten(Experiment()):
        if path.partition(".")[0] in parts:
            yield path


def _changes_network(experiment: Experiment, given: Mapping[str, Any]) -> bool:
    own = experiment.model.network
    return bool(given.get("model.network", own) != own)


def _scaled(path: str, experiment: Experiment, values: Mapping[str, Any]) -> Any:
    """Scales a number of epochs with all epochs; anything else gets its default."""
    epochs = values.get("epochs", experiment.epochs)
    if path not in ("clean_epochs", "greedy_epochs") or not isinstance(epochs, int):
        return _flatten(Experiment())[path]
    return max(getattr(experiment, path) * epochs // experiment.epochs, 0)


def _legal(experiment: Experiment, values: Mapping[str, Any]) -> bool:
    try:
        replace(experiment, values)
    except UsageError:
        return False
    return True


def _check_level(experiment: Experiment, values: Mapping[str, Any]) -> None:
    """Refuses a level for a noise that has none."""
    if "noise.level" not in values:
        return
    kind = values.get("noise.kind", experiment.noise.kind)
    if kind == RECORDED:
        return
    if kind == NO_NOISE or all(own is not None for _, own in noise_parts(kind)):
        other = "" if "noise.kind" in values else ", or give another --noise"
        raise UsageError(f"--noise_level does not count with --noise={kind}: leave it out{other}")


def _check_squares(experiment: Experiment, values: Mapping[str, Any]) -> None:
    """Refuses settings for the images of a folder where the dataset is none."""
    dataset = str(values.get("data.dataset", experiment.data.dataset))
    for path in ("data.image_size", "data.fit", "data.turned"):
        if path in values and not dataset.startswith(FOLDERS):
            raise UsageError(
                f"--{_flag(path)} is for --dataset=folder:DIR, not {dataset}; leave it out"
            )


def _advise(
    error: UsageError,
    experiment: Experiment,
    values: Mapping[str, Any],
    given: Mapping[str, Any],
) -> UsageError:
    """Adds the flags that can be changed to a message that names none."""
    text = str(error)
    if experiment == Experiment() or "--" in text or not given:
        return error
    culprits = [path for path in given if _legal(experiment, _without(values, path))]
    default = _flatten(Experiment())
    helpful = [
        path
        for path, value in _flatten(experiment).items()
        if path not in values
        and value != default[path]
        and _flags().get(path)
        and _legal(experiment, {**values, path: default[path]})
    ]
    change = " or ".join(f"--{_flag(path)}" for path in culprits or given if path in _flags())
    give = "".join(f", or give --{_flag(path)}" for path in helpful[:2])
    return UsageError(f"{text}; change {change}{give}")


def _cause(experiment: Experiment, values: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Names the override without which nothing would have changed, if there is one."""
    if _changes_network(experiment, given):
        return f", since {_flag('model.network')} is {given['model.network']}"
    causes = [path for path in given if _legal(experiment, _without(values, path))]
    return f", since {_flag(causes[0])} is {_text(given[causes[0]])}" if causes else ""


def _note(path: str, old: Any, new: Any) -> str:
    if path == "noise.level_max":
        return f"noise_level without a range up to {_text(old)}"
    return f"{_flag(path)} {_text(new)} instead of {_text(old)}"


def _without(values: Mapping[str, Any], path: str) -> dict[str, Any]:
    drop = {path, "noise.level_max"} if path == "noise.level" else {path}
    return {name: value for name, value in values.items() if name not in drop}


def _flatten(experiment: Experiment) -> dict[str, Any]:
    """Returns the fields by dotted path, without the name."""
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(experiment):
        value = getattr(experiment, field.name)
        if dataclasses.is_dataclass(value):
            for inner in dataclasses.fields(value):
                flat[f"{field.name}.{inner.name}"] = getattr(value, inner.name)
        elif field.name != "name":
            flat[field.name] = value
    return flat


def _flags() -> dict[str, str]:
    return {field.path: field.flag for field in option_fields(Experiment)}


def _flag(path: str) -> str:
    """Returns the name of a field's flag, or of the field."""
    return _flags().get(path, path.rpartition(".")[2])


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
