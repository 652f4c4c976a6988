"""Selection of workload and hooks by the kind of run: denoiser, noisy pictures alone, or GAN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aedenoise.config import Experiment
from aedenoise.config.options import RunOptions
from aedenoise.data.reading import Dataset
from aedenoise.errors import UsageError
from aedenoise.runs.denoising import DenoisingWorkload, make_denoising_workload
from aedenoise.runs.denoising_hooks import DenoisingHooks
from aedenoise.runs.gan import GanWorkload, make_gan_workload
from aedenoise.runs.gan_hooks import GanHooks
from aedenoise.runs.noisy import NoisyWorkload, make_noisy_workload
from aedenoise.runs.noisy_hooks import NoisyHooks
from aedenoise.training.components import NO_COMPONENTS, Components


def make_workload(
    experiment: Experiment,
    options: RunOptions,
    *,
    notify: Callable[[str], None],
    training: bool = True,
    components: Components = NO_COMPONENTS,
    dataset: Dataset | None = None,
) -> DenoisingWorkload | NoisyWorkload | GanWorkload:
    """Builds the workload of ``experiment``; see ``workload.load_context`` for the arguments.

    Raises:
      UsageError: if components of a denoiser are given for a GAN.
      UsageError, DataError, StorageError: see ``load_context``.
    """
    if experiment.model.network == "gan":
        if components != NO_COMPONENTS:
            raise UsageError("a GAN accepts custom data, but no model, loss or other component")
        return make_gan_workload(
            experiment, options, notify=notify, training=training, dataset=dataset
        )
    make = make_noisy_workload if experiment.data.noisy else make_denoising_workload
    return make(
        experiment,
        options,
        notify=notify,
        training=training,
        dataset=dataset,
        components=components,
    )


def select_hooks(experiment: Experiment) -> Any:
    """Returns the hooks class of ``experiment``."""
    if experiment.data.noisy:
        return NoisyHooks
    return GanHooks if experiment.model.network == "gan" else DenoisingHooks
