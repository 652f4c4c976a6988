"""The Python interface: ``aedenoise.train``, ``aedenoise.evaluate`` and ``aedenoise.calibrate``.

They call the functions of the command line, so that either interface resumes a run of the other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING, Any

import numpy as np

from aedenoise.config import Experiment, override
from aedenoise.config.fields import option_fields
from aedenoise.config.options import RunOptions
from aedenoise.config.registry import find_experiment
from aedenoise.config.validation import local_path
from aedenoise.data.arrays import Data, make_dataset
from aedenoise.errors import UsageError, nearest
from aedenoise.inference.denoiser import Denoiser, load_denoiser
from aedenoise.inference.generator import ImageMaker, load_generator
from aedenoise.inference.noisy_folder import choose_settings
from aedenoise.runs import calibrate as calibration
from aedenoise.runs import evaluate as evaluation
from aedenoise.runs import train as training
from aedenoise.runs.hooks import say
from aedenoise.runtime.preemption import StopSignals
from aedenoise.training.components import Components
from aedenoise.training.workdir import Workdir, default_workdir

if TYPE_CHECKING:
    import flax.linen as nn
    from jax import Array

Folder = str | PathLike[str]
_FIELDS = {field.flag: field.path for field in option_fields(Experiment)}
_OPTIONS = tuple(f.name for f in dataclasses.fields(RunOptions) if f.name != "workdir")


@dataclass(frozen=True)
class TrainedRun:
    """A run and its network.

    Attributes:
      workdir: folder of the run.
      experiment: configuration of the run.
      results: content of ``results.json``; None if SIGTERM stopped the run and its state is saved.
      components: custom components from Python.
    """

    workdir: Path
    experiment: Experiment
    results: dict[str, Any] | None
    components: Components

    @cached_property
    def network(self) -> Denoiser | ImageMaker:
        """Returns the denoiser of the newest checkpoint, or the generator of a GAN."""
        if self.experiment.model.network == "gan":
            return load_generator(self.workdir)
        return load_denoiser(self.workdir, components=self.components)

    @property
    def params(self) -> Any:
        """Returns the parameters of the network, a tree of arrays."""
        return self.network.params

    @property
    def complete(self) -> bool:
        """Returns True if the run is finished."""
        return self.results is not None

    def denoise(self, noisy: np.ndarray, level: float | None = None) -> np.ndarray:
        """Denoises images; see ``Denoiser.__call__`` for shapes and range.

        Raises:
          UsageError: if the run is a GAN.
        """
        if not isinstance(self.network, Denoiser):
            raise UsageError("a GAN cannot denoise; generate images with run.network(count, seed)")
        return self.network(noisy, level)


def train(
    experiment: Experiment | str | None = None,
    *,
    workdir: Folder | None = None,
    data: Data | None = None,
    model: nn.Module | str | None = None,
    decoder: nn.Module | str | None = None,
    loss: Callable[[Array, Array], Array] | str | None = None,
    corruption: Callable[[Array, Array], Array] | None = None,
    metrics: Mapping[str, Callable[[Array, Array], Array]] | None = None,
    **settings: Any,
) -> TrainedRun:
    """Trains a network, continues an unfinished run, or reports a finished one.

    Args:
      experiment: an ``Experiment`` or the name of one; None: the default.
      workdir: folder of the run; None: ``runs/NAME``, where the name says what differs from the
        default or the named experiment.
      data: ``(train_images, test_images)``, each uint8, or float in [0, 1], of shape ``[N, H, W]``
        or ``[N, H, W, C]``; or ``((images, labels), (images, labels))``. Float images are rounded
        to 8 bits. None: the experiment's dataset.
      model: linen module, images ``[B, H, W, C]`` to logits of that shape, in place of encoder
        and decoder; or the name of a built-in model.
      decoder: linen module, code ``[B, h, w, F]`` to logits ``[B, H, W, C]``; or a built-in name.
      loss: ``(logits, target) -> [B]``; or a built-in name.
      corruption: ``(key, image[H, W, C]) -> image``, in place of the experiment's noise.
      metrics: functions by name, ``(image, reference) -> [B]``; ``results["eval"]`` holds their
        means too.
      **settings: fields of the experiment by the names of their flags, such as ``epochs=3`` or
        ``noise_level=0.2``, and fields of ``RunOptions``, such as ``data_dir``.

    Returns:
      The run, with its results and its network.

    Raises:
      UsageError: if a setting is unknown, or settings conflict.
      CheckpointError: if the workdir contains a run of another experiment.
      DataError, StorageError, DivergedError: see ``aedenoise.errors``.
      KeyboardInterrupt: after SIGINT, once the state is saved.
    """
    # Strings name built-in components and are settings; anything else is a component.
    parts = {"model": model, "decoder": decoder, "loss": loss}
    named = {name: part for name, part in parts.items() if isinstance(part, str)}
    own: dict[str, Any] = {k: part for k, part in parts.items() if not isinstance(part, str)}
    options = {name: settings.pop(name) for name in _OPTIONS if name in settings}
    base = experiment if isinstance(experiment, Experiment) else Experiment()
    if isinstance(experiment, str):
        base = find_experiment(experiment)
    chosen = _make_experiment(base, {**named, **settings}, own_data=data is not None)
    components = Components(**own, corruption=corruption, metrics=metrics or {})
    folder = local_path("workdir", workdir or default_workdir(chosen, base))
    with StopSignals() as signals:
        results = training.train(
            chosen,
            RunOptions(workdir=folder, **options),
            signals,
            components=components,
            dataset=None if data is None else make_dataset(data),
        )
    if results is None and signals.received is SIGINT:
        # Saved; but a script or notebook that was interrupted must not go on.
        raise KeyboardInterrupt
    return TrainedRun(folder, chosen, results, components)


def evaluate(
    workdir: Folder,
    checkpoint: str | int = "newest",
    *,
    data: Data | None = None,
    model: nn.Module | None = None,
    decoder: nn.Module | None = None,
    corruption: Callable[[Array, Array], Array] | None = None,
    metrics: Mapping[str, Callable[[Array, Array], Array]] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Evaluates a checkpoint of a run on its test images, or on other data or noise.

    Args:
      workdir: folder of the run.
      checkpoint: ``newest``, ``best`` (by test PSNR) or a step.
      data, model, decoder, corruption, metrics: as in ``train``; a run that was trained with a
        custom model, decoder or data needs them again.
      **settings: fields of noise and dataset by the names of their flags, such as
        ``noise_level=0.6``, and fields of ``RunOptions``.

    Returns:
      The content of ``eval.json``.

    Raises:
      UsageError, CheckpointError, DataError: as in ``train``.
    """
    folder = local_path("workdir", workdir)
    options = {name: settings.pop(name) for name in _OPTIONS if name in settings}
    experiment = Workdir(folder).read_experiment()
    given = _fields(settings)
    fixed = sorted(path for path in given if path.split(".")[0] not in ("noise", "data"))
    if fixed:
        raise UsageError(f"evaluate changes noise and data only, not {fixed[0]}")
    if any(path.startswith("noise.") for path in given):
        # Drops training settings that the new noise would contradict.
        experiment = experiment.tested_on(experiment.noise)
    # Without adaptation: other settings must stay those that the parameters were trained with.
    experiment, _ = override(experiment, given, adapt=False)
    return evaluation.evaluate_run(
        experiment,
        RunOptions(workdir=folder, **options),
        str(checkpoint),
        components=Components(
            model=model, decoder=decoder, corruption=corruption, metrics=metrics or {}
        ),
        dataset=None if data is None else make_dataset(data),
    )


def calibrate(
    workdir: Folder,
    checkpoint: str | int = "newest",
    *,
    data: Data | None = None,
    model: nn.Module | None = None,
    decoder: nn.Module | None = None,
    corruption: Callable[[Array, Array], Array] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Calibrates the intervals of a run on half of its test images; ``load(workdir).interval`` uses
    them.

    Args:
      workdir: folder of the run.
      checkpoint: ``newest``, ``best`` (by test PSNR) or a step.
      data, model, decoder, corruption: as in ``train``; a run that was trained with them needs them
        again.
      **options: fields of ``RunOptions``, such as ``data_dir``.

    Returns:
      The content of ``calibration.json``; ``measured`` has coverage and mean half-width on the
      other half.

    Raises:
      UsageError, CheckpointError, DataError: as in ``train``.
    """
    for name in options:
        if name not in _OPTIONS:
            raise UsageError(f"unknown setting {name!r}; {nearest(name, _OPTIONS)}")
    made = calibration.calibrate_run(
        RunOptions(workdir=local_path("workdir", workdir), **options),
        str(checkpoint),
        components=Components(model=model, decoder=decoder, corruption=corruption),
        dataset=None if data is None else make_dataset(data),
    )
    return made.to_json()


def _make_experiment(
    base: Experiment, settings: Mapping[str, Any], *, own_data: bool
) -> Experiment:
    given = _fields(settings)
    if own_data:
        if "data.dataset" in given:
            raise UsageError("data and dataset conflict; give one of them")
        # A name only: ``config.json`` identifies the arrays by their digest.
        given["data.dataset"] = "arrays:data"
    found: dict[str, Any] = {}
    lines: list[str] = []
    if str(given.get("data.dataset", "")).startswith("noisy:"):
        found, lines = choose_settings(given["data.dataset"], given)
    chosen, notes = override(base, {**found, **given})
    for note in (*lines, *notes):
        say(note)
    return chosen


def _fields(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Maps settings from the names of flags to the dotted paths of fields."""
    for name in settings:
        if name not in _FIELDS:
            raise UsageError(f"unknown setting {name!r}; {nearest(name, [*_FIELDS, *_OPTIONS])}")
    return {_FIELDS[name]: value for name, value in settings.items()}
