"""The kinds of run: denoisers and GANs."""

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
from aedenoise.training.components import NO_COMPONENTS, Components


def make_workload(
    experiment: Experiment,
    options: RunOptions,
    *,
    notify: Callable[[str], None],
    training: bool = True,
    components: Components = NO_COMPONENTS,
    dataset: Dataset | None = None,
) -> DenoisingWorkload | GanWorkload:
    """Makes the workload of ``experiment``; see ``workload.load_context`` for the arguments.

    Raises:
      UsageError: if a GAN is given parts of a denoiser.
      UsageError, DataError, StorageError: see ``load_context``.
    """
    if experiment.model.network == "gan":
        if components != NO_COMPONENTS:
            raise UsageError("a GAN takes data of your own, but no model, loss or other part")
        return make_gan_workload(
            experiment, options, notify=notify, training=training, dataset=dataset
        )
    return make_denoising_workload(
        experiment,
        options,
        notify=notify,
        training=training,
        dataset=dataset,
        components=components,
    )


def select_hooks(experiment: Experiment) -> Any:
    """Returns the class of the training hooks of ``experiment``."""
    return GanHooks if experiment.model.network == "gan" else DenoisingHooks
