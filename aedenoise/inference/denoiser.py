"""A finished run as a function on images."""

from __future__ import annotations

from functools import partial
from os import PathLike

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.config import Experiment
from aedenoise.inference.noise_estimation import estimate_level
from aedenoise.inference.saved_run import read_run
from aedenoise.inference.tiling import denoise_any_size
from aedenoise.models import Autoencoder, abstract_params
from aedenoise.models.autoencoder import predict
from aedenoise.ops.noise import Noisy
from aedenoise.training.components import NO_COMPONENTS, Components
from aedenoise.training.task import Params

# So many pixels go through the network in one call.
_PIXELS = 2**20
_FARTHEST = 20.0
# A network that is told the level guesses it, denoises, and looks again.
_GUESSES = 3


class Denoiser:
    """A network with its parameters: ``denoise(noisy) -> denoised``.

    Attributes:
      experiment, model: what it was trained on, and the network.
      channels: of the images it was trained on.
      step: how many updates it has had.
      params: its parameters.
      size: height and width of the images it was trained on, where it takes no others.
    """

    def __init__(
        self,
        model: Autoencoder,
        params: Params,
        *,
        experiment: Experiment,
        channels: int,
        step: int,
        size: tuple[int, int] | None = None,
        own_parts: bool = False,
    ) -> None:
        self.experiment = experiment
        self.channels = channels
        self.step = step
        self.params = params
        self.size = size
        self._own_parts = own_parts
        self.model = model
        self._predict = jax.jit(partial(predict, model))

    def __call__(self, noisy: np.ndarray, level: float | None = None) -> np.ndarray:
        """Denoises images of any size.

        Args:
          noisy: ``[N, H, W, C]``, or ``[N, H, W]`` for one channel; float in units of the
            [0, 1] range, or uint8 or uint16. A network for grey images takes each channel by
            itself; one for colour images takes grey ones as colours.
          level: of the noise, for networks that are told it; None: Gaussian noise
            without a mean is estimated, for each image (and channel) by itself; of other noise
            the middle of the range is taken.

        Returns:
          float32 in [0, 1], of the shape of ``noisy``.

        Raises:
          ValueError: if shape, type or values do not fit.
        """
        noisy = np.asarray(noisy)
        batch, channels = self._prepared(noisy)
        if level is None and self._conditioned:
            denoised, _ = self._guessed(batch)
        else:
            denoised = self._denoised(batch, np.full(len(batch), level or 0.0, np.float32))
        if channels == self.channels:
            return denoised.reshape(noisy.shape)
        if self.channels == 1:
            height, width = batch.shape[1:3]
            stacked = denoised.reshape(-1, channels, height, width)
            return np.moveaxis(stacked, 1, -1).reshape(noisy.shape)
        grey: np.ndarray = denoised.mean(axis=-1).reshape(noisy.shape)
        return grey

    def estimate(self, noisy: np.ndarray, denoised: np.ndarray) -> float | None:
        """The level of Gaussian noise in ``noisy``, see ``level.estimate_level``; None where the
        network was trained on other noise."""
        noise = self.experiment.noise
        if noise.kind != "gaussian" or noise.mean:
            return None
        return estimate_level(_scaled(np.asarray(noisy)), denoised)

    @property
    def _conditioned(self) -> bool:
        return self.experiment.model.condition == "noise_level"

    def _prepared(self, noisy: np.ndarray) -> tuple[np.ndarray, int]:
        """Images with the network's channels, and how many they had."""
        images = np.asarray(noisy)
        if images.ndim not in (3, 4) or 0 in images.shape:
            raise ValueError(
                f"images must have shape [N, H, W] or [N, H, W, C], not {images.shape}"
            )
        batch = _scaled(images if images.ndim == 4 else images[..., None])
        channels = batch.shape[-1]
        if channels == self.channels:
            return batch, channels
        if self.channels == 1:
            return np.moveaxis(batch, -1, 1).reshape(-1, *batch.shape[1:3], 1), channels
        if channels == 1:
            return np.repeat(batch, self.channels, axis=-1), channels
        raise ValueError(
            f"the network takes images of {self.channels} channels, or grey ones, not of {channels}"
        )

    def _guessed(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images denoised by the levels that they seem to have, and these levels."""
        noise = self.experiment.noise
        least, most = noise.level, noise.level_max or noise.level
        levels = np.full(len(batch), 0.5 * (least + most), np.float32)
        denoised = self._denoised(batch, levels)
        for _ in range(_GUESSES if noise.kind == "gaussian" and not noise.mean else 0):
            seen = [estimate_level(*pair) for pair in zip(batch, denoised, strict=True)]
            levels = np.clip(np.asarray(seen, np.float32), least, most)
            denoised = self._denoised(batch, levels)
        return denoised, levels

    def _denoised(self, batch: np.ndarray, levels: np.ndarray) -> np.ndarray:
        count = max(1, _PIXELS // (batch.shape[1] * batch.shape[2]))
        least = count if len(batch) > count else 0
        parts = []
        for start in range(0, len(batch), count):
            here = slice(start, start + count)
            whole = partial(self._whole, levels=levels[here], least=least)
            parts.append(
                denoise_any_size(
                    batch[here],
                    self.experiment.model,
                    whole,
                    self.size,
                    # The receptive field of a user's own network is not known.
                    tiled=not self._own_parts,
                )
            )
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _whole(self, images: np.ndarray, levels: np.ndarray, least: int = 0) -> np.ndarray:
        """``images`` through the network, filled up to ``least`` for the sake of one program."""
        count = len(images)
        missing = max(0, least - count)
        if missing:
            images = np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0)))
            levels = np.pad(levels, (0, missing))
        noisy = Noisy(jnp.asarray(images), jnp.asarray(levels))
        return np.asarray(self._predict(self.params, noisy))[:count]


def load_denoiser(
    workdir: str | PathLike[str],
    checkpoint: str = "newest",
    components: Components = NO_COMPONENTS,
) -> Denoiser:
    """Restores the denoiser in a workdir; writes nothing.

    Args:
      workdir: folder of a run.
      checkpoint: ``newest``, ``best`` (by test PSNR) or a step.
      components: the model or decoder that came from Python, if the run was trained with one.

    Raises:
      CheckpointError: if there is no run or no readable checkpoint.
      UsageError: if the run is no denoiser's.
    """
    run = read_run(workdir)
    channels, size = run.image_shape[-1], run.image_shape[:2]
    components.check_recorded(run.folder.read_parts(), f"the run in {run.folder.path}")
    model = components.build_model(run.experiment.model, channels, lowering="auto", size=size)
    params = abstract_params(model, jnp.zeros((1, *run.image_shape)), jnp.zeros(1))
    restored = run.restore_params({"params": params}, checkpoint)
    return Denoiser(
        model,
        restored.state["params"],
        experiment=run.experiment,
        channels=channels,
        step=restored.step,
        size=None if run.experiment.model.any_size else size,
        own_parts=components.network is not None,
    )


def _scaled(images: np.ndarray) -> np.ndarray:
    if images.dtype in (np.uint8, np.uint16):
        return images.astype(np.float32) / np.float32(np.iinfo(images.dtype).max)
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"images must be float, uint8 or uint16, not {images.dtype}")
    # Noise may leave the [0, 1] range, but not by so much.
    if not np.all(np.abs(images) <= _FARTHEST):
        raise ValueError(
            "float images must be in units of the [0, 1] range, without NaN: divide by 255, or "
            "pass uint8"
        )
    return images.astype(np.float32)
