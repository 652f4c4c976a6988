"""Names of default folders: what a run is called by, so that two experiments have two folders."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aedenoise.config.data import dataset_kind
from aedenoise.config.experiment import Experiment
from aedenoise.config.fields import option_fields
from aedenoise.config.noise import NO_NOISE
from aedenoise.config.overrides import override
from aedenoise.config.records import to_dict
from aedenoise.errors import UsageError

# In characters. Longer lists of changes are cut, and end with a digest of all.
_LONGEST = 48
_DIGITS = 6
# Fields whose values speak for themselves.
_SPEAKING = ("model.network", "model.decoder", "loss")
# Kinds of datasets whose short name does not tell where they are.
_ELSEWHERE = ("folder", "npz", "noisy", "pairs")
_NOISE = ("noise.kind", "noise.level", "noise.level_max")
_FLAGS = {field.path: field.flag for field in option_fields(Experiment)}


def run_name(experiment: Experiment, base: Experiment) -> str:
    """Returns a short, stable name: the label, then what differs from ``base``.

    Args:
      experiment: the experiment of the run.
      base: the experiment that was changed: a named one, or the default.
    """
    return experiment.label + suffix(experiment, base)


def suffix(experiment: Experiment, base: Experiment) -> str:
    """Returns what differs from ``base`` and is not in the label, as ``-masking0.25-seed1``."""
    start = base if base.name else _with_label(experiment)
    old, new = _flatten(to_dict(start)), _flatten(to_dict(experiment))
    changes = {path: value for path, value in new.items() if value != old[path] and path != "name"}
    same_data = base.name and "data.dataset" not in changes
    data = () if same_data else experiment.data.parts
    parts = [*_subsets(data), *_parts(experiment, changes)]
    text = "".join(f"-{part}" for part in parts)
    files = [name for name in data if dataset_kind(name)[0] in _ELSEWHERE]
    if not files and len(text) <= _LONGEST and re.fullmatch(r"[\w.+-]*", text, re.ASCII):
        return text
    kept = ""
    for part in parts:
        if len(kept) + len(part) < _LONGEST and re.fullmatch(r"[\w.+]+", part, re.ASCII):
            kept += f"-{part}"
    whole = json.dumps([changes, files], sort_keys=True).encode()
    return f"{kept}-{hashlib.sha256(whole).hexdigest()[:_DIGITS]}"


def _with_label(experiment: Experiment) -> Experiment:
    """Returns the default experiment of the same label: of this network, decoder and dataset."""
    given: dict[str, Any] = {
        "model.network": experiment.model.network,
        "data.dataset": experiment.data.dataset,
    }
    if experiment.model.network in ("conv", "gan"):
        given["model.decoder"] = experiment.model.decoder
    default = Experiment()
    try:
        return override(default, given)[0]
    except UsageError:
        return default


def _subsets(data: Sequence[str]) -> Iterator[str]:
    """Yields what the short names in a label leave out, as ``small`` of ``notmnist/small``."""
    for name in data:
        kind, rest = dataset_kind(name)
        if kind in ("own", "tfds") and "/" in rest and rest != "notmnist/open":
            yield rest.partition("/")[2]


def _parts(experiment: Experiment, changes: Mapping[str, Any]) -> Iterator[str]:
    noise = experiment.noise
    for path, value in changes.items():
        if path in _NOISE:
            if path == next(name for name in _NOISE if name in changes):
                levels = [noise.level] if noise.levelled or "noise.level" in changes else []
                levels += [noise.level_max] if noise.level_max is not None else []
                kind = "nonoise" if noise.kind == NO_NOISE else noise.kind.replace(":", "")
                yield kind + "to".join(map(str, levels))
        elif path == "data.dataset":
            yield experiment.data.short_name
        elif path in _SPEAKING:
            yield str(value).replace(":", "-")
        else:
            yield _part(_FLAGS.get(path, path.rpartition(".")[2]), value)


def _part(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else f"no{name}"
    if isinstance(value, tuple):
        return name + ("x".join(map(str, value)) or "none")
    return f"{name}{'none' if value is None else value}"


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        inner = _flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else None
        flat |= {prefix + name: value} if inner is None else inner
    return flat
