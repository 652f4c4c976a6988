"""The workload of a denoiser: devices, data, and the compiled functions of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.config import Experiment
from aedenoise.config.options import RunOptions
from aedenoise.data.batch import evenly_spaced
from aedenoise.data.batches import batch_of_rows
from aedenoise.data.reading import Dataset
from aedenoise.data.streaming import compute_mean
from aedenoise.errors import UsageError
from aedenoise.evaluation.checkerboard import make_grid_step
from aedenoise.evaluation.evaluate import (
    Results,
    evaluate,
    evaluation_key,
    make_eval_step,
    noisy_images,
)
from aedenoise.ops.images import pair, scale_numpy
from aedenoise.ops.noise import Noisy, clean_images
from aedenoise.runs.task_workload import SHOWN_IMAGES, TaskWorkload, load_task, predict_alone
from aedenoise.runs.workload import GRID_IMAGES, GRID_PIXELS
from aedenoise.runtime.distributed import for_this_process
from aedenoise.training.components import NO_COMPONENTS, Components
from aedenoise.training.task import (
    Params,
)


@dataclass(frozen=True)
class DenoisingWorkload(TaskWorkload):
    """A denoising experiment, ready to train and to evaluate.

    Attributes:
      eval_fn, grid_fn: compiled evaluation and checkerboard measures.
    """

    eval_fn: Callable[[Any, Any, Any], Any]
    grid_fn: Callable[[Any, Any], Any]

    def evaluate(
        self, params: Params, stop_requested: Callable[[], bool] = lambda: False
    ) -> Results:
        """Evaluates quality over the whole test split; see ``evaluation.evaluate``."""
        batches = self.test_batches()
        return evaluate(self.eval_fn, params, batches, stop_requested, self.components.all_metrics)

    def grid(self, params: Params) -> tuple[dict[str, dict[str, float]], dict[str, np.ndarray]]:
        """Measures checkerboard artifacts of the decoder on evenly spaced test images.

        Returns:
          Measures by place and name, and pictures by place; see ``evaluation.checkerboard``.
        """
        images = self.dataset.test.images
        height, width, _ = self.image_shape
        count = min(len(images), GRID_IMAGES, max(16, GRID_PIXELS // (height * width)))
        chosen = evenly_spaced(len(images), count)
        batch = batch_of_rows(images, chosen)
        measures, pictures = jax.device_get(self.grid_fn(for_this_process(params), batch))
        return jax.tree.map(float, measures), pictures

    def denoise(self, params: Params, noisy: Noisy) -> np.ndarray:
        """Denoises images to float32 ``[B, H, W, C]``; each process computes on its own."""
        return np.asarray(self.predict_fn(for_this_process(params), noisy))

    def examples(
        self, params: Params, shown: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns test images: original, with the evaluation's noise, and denoised.

        Args:
          params: parameters of the network.
          shown: rows of the test split; None: a few, evenly spaced.

        Returns:
          Three arrays, float32 ``[N, H, W, C]`` in [0, 1].
        """
        images = self.dataset.test.images
        if shown is None:
            shown = evenly_spaced(len(images), SHOWN_IMAGES)
        chosen = batch_of_rows(images, shown)
        noisy = noisy_images(self.task.corrupt, evaluation_key(), chosen)
        return (
            np.asarray(clean_images(self.task.corrupt, jnp.asarray(chosen.image))),
            np.asarray(noisy.image),
            self.denoise(params, noisy),
        )


def make_denoising_workload(
    experiment: Experiment,
    options: RunOptions,
    *,
    notify: Callable[[str], None],
    training: bool = True,
    total_steps: int | None = None,
    dataset: Dataset | None = None,
    components: Components = NO_COMPONENTS,
) -> DenoisingWorkload:
    """Loads the context and builds the functions of a denoising run.

    Arguments are those of ``workload.load_context``, and ``components``.

    Raises:
      UsageError: if the experiment does not train a denoiser, or components conflict with it.
      UsageError, DataError, StorageError: see ``load_context``.
    """
    experiment.check_denoises()
    if experiment.data.noisy:
        raise UsageError(
            f"{experiment.data.dataset} has no clean images, which this needs; use folder:DIR"
        )
    context, task = load_task(
        experiment,
        options,
        notify=notify,
        training=training,
        total_steps=total_steps,
        dataset=dataset,
        components=components,
    )
    # The trivial estimate that every evaluation reports as a baseline.
    mean = compute_mean(context.dataset.train.images)
    mean_image = scale_numpy(pair(mean)[1] if task.corrupt.paired else mean)
    return DenoisingWorkload(
        **vars(context),
        task=task,
        components=components,
        eval_fn=context.executor.evaluate(
            make_eval_step(task.model, task.corrupt, mean_image, components.all_metrics)
        ),
        predict_fn=predict_alone(task),
        grid_fn=jax.jit(
            make_grid_step(task.model, task.corrupt, task.loss, experiment.model.stride)
        ),
    )
