"""A finished run as a function on images."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import jax
import numpy as np

from aedenoise.evaluation.evaluate import predict
from aedenoise.experiment import Experiment
from aedenoise.models import Autoencoder
from aedenoise.training.checkpoints import Checkpoints
from aedenoise.training.parallel import make_executor
from aedenoise.training.task import Params, abstract_state, make_task
from aedenoise.workdir import Workdir


class Denoiser:
    """A network with its parameters: ``denoiser(noisy) -> denoised``.

    Attributes:
      experiment: what it was trained on.
      step: how many updates it has had.
      params: its parameters.
    """

    def __init__(
        self, model: Autoencoder, params: Params, *, experiment: Experiment, step: int
    ) -> None:
        self.experiment = experiment
        self.step = step
        self.params = params
        self._predict = jax.jit(partial(predict, model))

    def __call__(self, noisy: np.ndarray) -> np.ndarray:
        """Denoises images.

        Args:
          noisy: ``[N, H, W, C]``, or ``[N, H, W]`` for one channel; float in units of the
            [0, 1] range, or uint8. Height and width must be divisible by the network's
            the model's divisor (4 by default; 1 with ``max_unpool``).

        Returns:
          float32 in [0, 1], of the shape of ``noisy``.

        Raises:
          ValueError: if the shape does not fit.
        """
        images = np.asarray(noisy)
        scaled = images.astype(np.float32) / (255.0 if images.dtype == np.uint8 else 1.0)
        batch = scaled[..., None] if scaled.ndim == 3 else scaled
        divisor = self.experiment.model.divisor
        if batch.ndim != 4 or batch.shape[1] % divisor or batch.shape[2] % divisor:
            raise ValueError(
                "images must have shape [N, H, W] or [N, H, W, C] with H and W divisible by "
                f"{divisor}, not {images.shape}"
            )
        return np.asarray(self._predict(self.params, batch)).reshape(images.shape)


def load_denoiser(workdir: str | Path) -> Denoiser:
    """The denoiser in a workdir, from its newest checkpoint; nothing is written.

    Raises:
      CheckpointError: if there is no run or no readable checkpoint.
    """
    folder = Workdir(Path(workdir))
    config = folder.read_config()
    experiment = folder.read_experiment()
    shape = tuple(config["dataset"]["image_shape"])
    task = make_task(experiment, channels=shape[-1], total_steps=config["total_steps"])
    with Checkpoints(folder.checkpoints, read_only=True) as checkpoints:
        state, _ = checkpoints.restore(make_executor("jit").abstract(abstract_state(task, shape)))
    return Denoiser(task.model, state.params, experiment=experiment, step=int(state.step))
