"""The workload of a run on noisy pictures alone, with estimates of its quality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from aedenoise.config import Experiment
from aedenoise.config.options import RunOptions
from aedenoise.data.batch import evenly_spaced
from aedenoise.data.batches import batch_of_rows
from aedenoise.data.reading import Dataset
from aedenoise.errors import UsageError
from aedenoise.evaluation.blind import Sums, estimate_psnr, make_blind_step, sum_up
from aedenoise.evaluation.evaluate import AbandonedError, evaluation_key, noisy_images
from aedenoise.metrics.flat_noise import measure_with_denoiser
from aedenoise.metrics.noise_level import NoiseLine
from aedenoise.ops.noise import Noisy
from aedenoise.runs.task_workload import (
    EVAL_BATCH,
    SHOWN_IMAGES,
    TaskWorkload,
    load_task,
    predict_alone,
)
from aedenoise.runtime.distributed import for_this_process
from aedenoise.training.components import NO_COMPONENTS, Components
from aedenoise.training.task import Params

# Pixels of the pictures in which the noise is measured again: a line during training needs few.
_GLANCE, _THOROUGH = 2**18, 2**24
# Relative error of the variance where it cannot be measured again, about that of the guess.
_GUESS_ERROR = 0.1

# Estimates for the network's result and for the pictures themselves, by name.
Estimates = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class NoisyWorkload(TaskWorkload):
    """A denoiser whose training and evaluation see noisy pictures only.

    The corruption of its task changes nothing.

    Attributes:
      blind_fn: compiled sums over a batch.
    """

    blind_fn: Callable[[Any, Any, Any], Any]

    @property
    def guess(self) -> NoiseLine | None:
        """Returns the noise that the experiment states; None if it is of an unknown kind."""
        noise = self.experiment.noise
        if not noise.level and not noise.gain:
            return None
        return NoiseLine(noise.level, noise.gain, _GUESS_ERROR)

    def evaluate(
        self,
        params: Params,
        stop_requested: Callable[[], bool] = lambda: False,
        *,
        thorough: bool = True,
    ) -> Estimates:
        """Estimates the quality over the held-out pictures.

        Args:
          params: parameters of the network.
          stop_requested: asked between batches.
          thorough: whether the noise is measured in as many pictures as there are; it decides how
            good the estimate is, and takes about as long as an epoch.

        Returns:
          Under ``denoised`` the entries of ``blind.estimate_psnr``, ``change`` (root mean square of
          what the network changes) and ``score``, which selects the best checkpoint: it is higher
          for lower errors and does not depend on how well the noise is known. Under ``noisy`` the
          PSNR of the pictures themselves; under ``dataset`` the ``count`` of images.

        Raises:
          AbandonedError: if ``stop_requested`` returned True.
        """
        sums = sum_up(self.blind_fn, params, self.test_batches(), stop_requested)
        line = self._measured(params, _THOROUGH if thorough else _GLANCE, stop_requested)
        denoised: dict[str, Any] = estimate_psnr(sums, line)
        denoised |= {"change": sums.change**0.5, "score": self._score(sums)}
        noisy: dict[str, Any] = {}
        if line is not None:
            noisy["psnr_estimate"] = float(-10.0 * np.log10(max(sums.variance(line), 1e-10)))
        return {"denoised": denoised, "noisy": noisy, "dataset": {"count": sums.count}}

    def _score(self, sums: Sums) -> float:
        # With the stated noise: measured anew, it would differ from one evaluation to the next.
        error = sums.held_out if self.guess is None else sums.risk(self.guess)
        return -error

    def _measured(
        self, params: Params, pixels: int, stop_requested: Callable[[], bool]
    ) -> NoiseLine | None:
        """Measures the noise where the network finds pictures flat: held-out ones first.

        Each patch is hidden from the network, so that training pictures serve as well.
        """
        if self.guess is None:
            return None
        height, width, _ = self.image_shape
        wanted = max(1, pixels // (height * width))
        test, train = self.dataset.test.images, self.dataset.train.images
        looked_at = [self._noisy(test, evenly_spaced(len(test), wanted))]
        if len(test) < wanted:
            looked_at += [self._noisy(train, evenly_spaced(len(train), wanted - len(test)))]
        noisy = np.concatenate([np.asarray(each.image) for each in looked_at])
        ready = for_this_process(params)

        def denoise(pictures: np.ndarray) -> np.ndarray:
            found = []
            for at in range(0, len(pictures), EVAL_BATCH):
                if stop_requested():
                    raise AbandonedError
                part = pictures[at : at + EVAL_BATCH]
                # Full batches, so that one program serves all.
                full = np.resize(part, (EVAL_BATCH, *part.shape[1:]))
                level = jnp.full(EVAL_BATCH, self.experiment.noise.level, jnp.float32)
                restored = self.predict_fn(ready, Noisy(jnp.asarray(full), level))
                found.append(np.asarray(restored)[: len(part)])
            return np.concatenate(found)

        return measure_with_denoiser(noisy, denoise, self.guess)

    def _noisy(self, images: Any, rows: np.ndarray) -> Noisy:
        return noisy_images(self.task.corrupt, evaluation_key(), batch_of_rows(images, rows))

    def _pair(self, params: Params, images: Any, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        noisy = self._noisy(images, rows)
        restored = self.predict_fn(for_this_process(params), noisy)
        return np.asarray(noisy.image), np.asarray(restored)

    def examples(self, params: Params) -> tuple[np.ndarray, np.ndarray]:
        """Returns held-out pictures and the same denoised, float32 ``[N, H, W, C]``."""
        images = self.dataset.test.images
        return self._pair(params, images, evenly_spaced(len(images), SHOWN_IMAGES))


def make_noisy_workload(
    experiment: Experiment,
    options: RunOptions,
    *,
    notify: Callable[[str], None],
    training: bool = True,
    total_steps: int | None = None,
    dataset: Dataset | None = None,
    components: Components = NO_COMPONENTS,
) -> NoisyWorkload:
    """Loads the context and builds the functions of a run on noisy pictures.

    Raises:
      UsageError: for parts that need clean images; see also ``load_context``.
      DataError, StorageError: see ``load_context``.
    """
    for name in ("loss", "corruption", "metrics"):
        if getattr(components, name):
            raise UsageError(f"{name} needs clean images, which noisy:DIR has not; leave it out")
    context, task = load_task(
        experiment,
        options,
        notify=notify,
        training=training,
        total_steps=total_steps,
        dataset=dataset,
        components=components,
    )
    return NoisyWorkload(
        **vars(context),
        task=task,
        components=components,
        blind_fn=context.executor.evaluate(make_blind_step(task.model, experiment.noise.level)),
        predict_fn=predict_alone(task),
    )
