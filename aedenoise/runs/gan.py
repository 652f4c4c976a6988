"""The workload of a GAN: devices, data, the functions of a run, and the scores of its images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.config import Experiment
from aedenoise.config.options import RunOptions
from aedenoise.data.batch import evenly_spaced
from aedenoise.data.reading import Dataset
from aedenoise.errors import DataError
from aedenoise.evaluation.checkerboard import phase_stds
from aedenoise.evaluation.classifier import TrainedClassifier, load_classifier
from aedenoise.evaluation.evaluate import EVALUATION_SEED, AbandonedError
from aedenoise.inference.batching import fit_batch_size, generate_fn, in_batches
from aedenoise.metrics import checkerboard
from aedenoise.metrics.generative import (
    FEWEST,
    LEAST,
    Gaussian,
    class_shares,
    confident_share,
    fit_gaussian,
    frechet,
    nearest,
    precision_recall,
)
from aedenoise.models import constant_code
from aedenoise.ops.images import scale_numpy, to_image
from aedenoise.runs.workload import GRID_IMAGES, GRID_PIXELS, Workload, load_context
from aedenoise.runtime.distributed import first_process_first, for_this_process
from aedenoise.training.gan import GanState, GanTask, create_gan, gan_step, make_gan_task
from aedenoise.training.memory import check_memory
from aedenoise.training.task import Params

# Generated images per evaluation, and as many real ones; at most the size of the test split, and at
# most these bytes of float32.
EVALUATED, _BYTES = 5000, 2**28
# Images for precision and recall, which compute distances between all pairs.
_PAIRS = 2000
# Generated images whose nearest training images are searched.
_LOOKED_UP = 200
# Bounds of that search: training images, and their bytes as uint8.
_KNOWN, _KNOWN_BYTES = 60_000, 2**28
# Latents whose mean code decodes to the constant image.
_CODES = 500
SHOWN_ROWS, SHOWN_COLUMNS = 6, 12


@dataclass(frozen=True)
class Made:
    """Generated images and their scores.

    Attributes:
      images: float32 ``[N, H, W, C]`` in [0, 1].
      scores: ``frechet``, ``precision``, ``recall``, ``sure`` (fraction of images classified with
        confidence), ``classes`` (fraction of each class), ``least_class`` (the smallest of these)
        and ``lost_classes`` (names of classes with less than half of their fraction in the test
        split); empty if the data have no labels.
    """

    images: np.ndarray
    scores: dict[str, Any]


@dataclass(frozen=True)
class GanWorkload(Workload):
    """A GAN experiment, ready to train and to evaluate.

    Attributes:
      task: both networks and their optimizers.
      notify: receives a line before anything slow.
      generate_fn: compiled generator, see ``inference.batching.generate_fn``.
    """

    # The discriminator's loss rises when the generator improves, so a spike is no sign of trouble.
    spikes: ClassVar[bool] = False

    task: GanTask
    notify: Callable[[str], None]
    generate_fn: Callable[[Params, Any], Any]

    def step_fn(self, state: Any, key: Any, batch: Any, *, axis_name: str | None = None) -> Any:
        return gan_step(self.task, state, key, batch, axis_name=axis_name)

    def create_state(self, key: Any) -> GanState:
        return self.executor.replicate(create_gan(self.task, key))

    def state_like(self) -> GanState:
        shapes: GanState = jax.eval_shape(lambda: create_gan(self.task, jax.random.key(0)))
        return self.executor.abstract(shapes)

    def params_like(self) -> dict[str, Any]:
        state = self.state_like()
        return {"params": state.params, "average": state.average}

    def prepare(self) -> None:
        """Trains the classifier if it is not cached; only the first process does."""
        first_process_first(lambda: self.classifier)

    def latents(self, count: int, seed: int = EVALUATION_SEED) -> np.ndarray:
        """Draws standard normal latents ``[count, L]``, the same in every run."""
        return np.asarray(
            jax.random.normal(jax.random.key(seed), (count, self.task.latent_size), jnp.float32)
        )

    def generate(self, params: Params, latents: np.ndarray) -> np.ndarray:
        """Generates float32 images ``[N, H, W, C]`` in [0, 1]; each process computes on its own."""
        own = for_this_process(params)
        return in_batches(
            lambda part: self.generate_fn(own, part), latents, fit_batch_size(self.image_shape)
        )

    def evaluate(self, params: Params, stop_requested: Callable[[], bool] = lambda: False) -> Made:
        """Generates and scores images, always from the same latents.

        Args:
          params: the generator's parameters, averaged over steps.
          stop_requested: asked between generation and scoring.

        Raises:
          AbandonedError: if a stop is requested.
        """
        images = self.generate(params, self.latents(self._count))
        if stop_requested():
            raise AbandonedError
        if self.classifier is None:
            return Made(images, {})
        features = self._in_batches(self.classifier.features, images)
        probabilities = self._in_batches(self.classifier.probabilities, images)
        shares = class_shares(probabilities)
        # Evenly spaced, since test splits can be ordered by class.
        real = self._real[0][evenly_spaced(len(self._real[0]), _PAIRS)]
        precision, recall = precision_recall(real, features[:_PAIRS])
        names = self.classifier.names
        labels = np.bincount(self.dataset.test.labels, minlength=len(names))
        own = labels / labels.sum()
        lost = [names[k] for k in np.flatnonzero(shares < LEAST * own)]
        scores = {
            "count": len(images),
            "frechet": frechet(self._real[1], fit_gaussian(features)),
            "precision": precision,
            "recall": recall,
            "sure": confident_share(probabilities),
            "least_class": float(shares.min()),
            "lost_classes": lost,
            "classes": {name: float(share) for name, share in zip(names, shares, strict=True)},
        }
        return Made(images, scores)

    def yardsticks(self) -> dict[str, Any]:
        """Scores two baselines: training images, and a generator of independent pixels.

        The training images bound what a perfect generator reaches. The other baseline draws each
        pixel from a normal distribution with that pixel's mean and standard deviation.
        """
        if self.classifier is None:
            return {}
        train = _evenly(self.dataset.train.images, self._count)
        spread = np.random.default_rng(0).normal(size=train.shape).astype(np.float32)
        plain = np.clip(train.mean(axis=0) + spread * train.std(axis=0), 0.0, 1.0)
        return {
            name: {
                "frechet": frechet(self._real[1], fit_gaussian(features)),
                "sure": confident_share(self._in_batches(self.classifier.probabilities, images)),
            }
            for name, images in (("training_images", train), ("mean_and_noise", plain))
            for features in [self._in_batches(self.classifier.features, images)]
        }

    def grid(self, params: Params, images: np.ndarray) -> dict[str, dict[str, float]]:
        """Measures checkerboard artifacts, see ``metrics.checkerboard``.

        Returns:
          Measures of generated ``images``, of test images, and of a decoded constant code.
        """
        height, width, _ = self.image_shape
        images = images[: min(GRID_IMAGES, max(16, GRID_PIXELS // (height * width)))]
        real = _evenly(self.dataset.test.images, len(images))
        code: Any = self.task.model.apply({"params": params}, self.latents(_CODES), method="code")
        # A constant code has no structure, so any periodic pattern in its image is the decoder's.
        flat = constant_code(code, self.experiment.model.stride)
        logits: Any = self.task.model.apply({"params": params}, flat, method="decode")
        found = {
            "made": checkerboard.measures(jnp.asarray(images)),
            "test": checkerboard.measures(jnp.asarray(real)),
            "constant": phase_stds(to_image(logits)),
        }
        measures: dict[str, dict[str, float]] = jax.tree.map(float, jax.device_get(found))
        return measures

    def neighbours(self, images: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
        """Finds the nearest training images by squared error, to detect memorisation.

        A median distance of generated images far below that of test images indicates that the
        generator reproduces its training images.

        Args:
          images: generated images, float32 ``[N, H, W, C]`` in [0, 1].

        Returns:
          The nearest training images of the first row of ``images``, and the median distances of
          generated (``made``) and ``test`` images.
        """
        train = self.dataset.train.images
        bound = min(_KNOWN, max(1, _KNOWN_BYTES // int(np.prod(self.image_shape))))
        # Kept as uint8; ``nearest`` scales one block at a time.
        known = _rows(np.asarray(train[evenly_spaced(len(train), bound)]))
        made, real = images[:_LOOKED_UP], _evenly(self.dataset.test.images, _LOOKED_UP)
        indices, apart = nearest(_rows(made), known, scale_numpy)
        _, apart_real = nearest(_rows(real), known, scale_numpy)
        shown = scale_numpy(known[indices[:SHOWN_COLUMNS]].reshape(-1, *images.shape[1:]))
        distances = {"made": float(np.median(apart)), "test": float(np.median(apart_real))}
        return shown, distances

    @cached_property
    def classifier(self) -> TrainedClassifier | None:
        """Returns the classifier of the dataset, or None if the dataset has no usable labels.

        Its features define the Frechet distance, precision and recall.
        """
        # A GAN trains without labels too, so their absence costs the scores only.
        try:
            if len(self.dataset.test.images) < FEWEST:
                raise DataError(f"{self.dataset.name} has fewer than {FEWEST} test images")
            return load_classifier(self.dataset, lowering=self.lowering, notify=self.notify)
        except DataError as error:
            self.notify(f"generated images are not scored: {error}")
            return None

    @property
    def _count(self) -> int:
        bound = max(FEWEST, _BYTES // (4 * int(np.prod(self.image_shape))))
        return min(EVALUATED, bound, len(self.dataset.test.images))

    def _in_batches(self, function: Callable[[Any], Any], images: np.ndarray) -> np.ndarray:
        return in_batches(function, images, fit_batch_size(self.image_shape))

    @cached_property
    def _real(self) -> tuple[np.ndarray, Gaussian]:
        """Returns features of test images and a Gaussian fitted to them; constant over the run."""
        assert self.classifier is not None
        images = _evenly(self.dataset.test.images, self._count)
        features = self._in_batches(self.classifier.features, images)
        return features, fit_gaussian(features)


def make_gan_workload(
    experiment: Experiment,
    options: RunOptions,
    *,
    notify: Callable[[str], None],
    training: bool = True,
    total_steps: int | None = None,
    dataset: Dataset | None = None,
) -> GanWorkload:
    """Loads the context and builds the functions of a GAN run.

    Arguments are those of ``workload.load_context``.

    Raises:
      UsageError, DataError, StorageError: see ``load_context``.
    """
    context = load_context(
        experiment,
        options,
        notify=notify,
        training=training,
        total_steps=total_steps,
        dataset=dataset,
    )
    if training:
        check_memory(experiment, context.image_shape)
    task = make_gan_task(
        experiment,
        image_shape=context.image_shape,
        total_steps=context.total_steps,
        lowering=context.lowering,
    )
    return GanWorkload(
        **vars(context), task=task, notify=notify, generate_fn=generate_fn(task.model)
    )


def _evenly(images: Any, count: int) -> np.ndarray:
    """Returns ``count`` evenly spaced images, float32 in [0, 1]."""
    return scale_numpy(np.asarray(images[evenly_spaced(len(images), count)]))


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)
