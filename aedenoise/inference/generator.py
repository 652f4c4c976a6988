"""Generator of a finished GAN run, as a function of count and seed."""

from __future__ import annotations

from functools import cached_property
from os import PathLike
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.config import Experiment
from aedenoise.inference.batching import fit_batch_size, generate_fn, in_batches
from aedenoise.inference.saved_run import read_run
from aedenoise.models import Generator, abstract_params, build_generator
from aedenoise.runtime.forks import check_not_forked
from aedenoise.training.task import Params


class ImageMaker:
    """Generator with its parameters, callable as ``make(count, seed) -> images``.

    Attributes:
      experiment: configuration of its training.
      model: the generator.
      params: parameters averaged over steps.
      step: number of updates of the parameters.
      latent_size: dimension of the normally distributed latents.
      image_shape: shape ``[H, W, C]`` of the images.
    """

    def __init__(
        self,
        experiment: Experiment,
        model: Generator,
        params: Params,
        step: int,
        image_shape: tuple[int, int, int],
    ) -> None:
        self.experiment = experiment
        self.params = params
        self.step = step
        self.latent_size = experiment.model.latent_size
        self.image_shape = image_shape
        self.model = model
        self._batch = fit_batch_size(image_shape)
        check_not_forked()

    def __getstate__(self) -> dict[str, Any]:
        """Returns the state to pickle, with parameters of NumPy and no compiled program."""
        state = {name: value for name, value in self.__dict__.items() if name != "_generate"}
        return {**state, "params": jax.tree.map(np.asarray, self.params)}

    @cached_property
    def _generate(self) -> Any:
        # Made at the first call, so that unpickling uses no JAX: in a forked worker it would hang.
        return generate_fn(self.model)

    def __call__(self, count: int, seed: int = 0) -> np.ndarray:
        """Generates images, float32 ``[count, H, W, C]`` in [0, 1], reproducibly from the seed.

        Raises:
          ValueError: if ``count`` is not at least 1.
          RuntimeError: in a fork of the process that loaded the network.
        """
        check_not_forked()
        if count < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        numbers = jax.random.normal(jax.random.key(seed), (count, self.latent_size))
        return self.of(np.asarray(numbers))

    def of(self, latents: np.ndarray) -> np.ndarray:
        """Generates the images of ``latents[N, latent_size]``, float32 ``[N, H, W, C]`` in [0, 1].

        Raises:
          ValueError: if ``latents`` has another shape.
          RuntimeError: in a fork of the process that loaded the network.
        """
        check_not_forked()
        if latents.ndim != 2 or latents.shape[1] != self.latent_size:
            raise ValueError(
                f"latents must have shape [N, {self.latent_size}], not {latents.shape}"
            )
        return in_batches(lambda part: self._generate(self.params, part), latents, self._batch)


def load_generator(
    workdir: str | PathLike[str], checkpoint: str = "newest", checkpoint_dir: str | None = None
) -> ImageMaker:
    """Restores the generator in the workdir of a GAN; writes nothing.

    Args:
      workdir: folder of the run.
      checkpoint: ``newest``, ``best`` (by Frechet distance) or a step.
      checkpoint_dir: folder of the checkpoints; None: the one that the workdir knows.

    Raises:
      CheckpointError: if there is no run or no readable checkpoint.
      UsageError: if the run is a denoiser.
    """
    run = read_run(workdir, gan=True, checkpoint_dir=checkpoint_dir)
    model = build_generator(run.experiment.model, run.image_shape)
    params = abstract_params(model, jnp.zeros((1, run.experiment.model.latent_size)))
    restored = run.restore_params({"params": params, "average": params}, checkpoint)
    # The averaged parameters give better images than the last ones, which oscillate.
    average = restored.state["average"]
    return ImageMaker(run.experiment, model, average, restored.step, run.image_shape)
