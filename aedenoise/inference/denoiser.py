"""Denoiser: a finished run as a function on images of any size."""

from __future__ import annotations

from functools import cached_property, partial
from os import PathLike
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.config import Experiment
from aedenoise.config.noise import RECORDED
from aedenoise.errors import CheckpointError
from aedenoise.inference.arrays import as_array, check_layout, scaled
from aedenoise.inference.intervals import Calibration, Interval, estimate_levels
from aedenoise.inference.noise_estimation import estimate_level
from aedenoise.inference.saved_run import read_calibration, read_run
from aedenoise.inference.tiling import denoise_any_size
from aedenoise.models import Autoencoder, abstract_params
from aedenoise.models.autoencoder import predict
from aedenoise.ops.noise import Noisy
from aedenoise.runtime.forks import check_not_forked
from aedenoise.training.components import NO_COMPONENTS, Components
from aedenoise.training.task import Params

# Pixels per call of the network, for memory.
_PIXELS = 2**20
# Rounds of denoising and estimating for networks conditioned on an unknown noise level.
_GUESSES = 3


class Denoiser:
    """Network with its parameters, callable as ``denoise(noisy) -> denoised``.

    It can be pickled and sent to processes that are started by ``spawn``.

    Attributes:
      experiment: configuration of its training.
      model: the network.
      channels: number of channels of its training images.
      step: number of updates of the parameters.
      params: network parameters.
      size: height and width of its training images, if it accepts no others; else None.
      calibration: calibration of its intervals, if any.
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
        calibration: Calibration | None = None,
    ) -> None:
        self.experiment = experiment
        self.calibration = calibration
        self.channels = channels
        self.step = step
        self.params = params
        self.size = size
        self._own_parts = own_parts
        self.model = model
        check_not_forked()

    def __getstate__(self) -> dict[str, Any]:
        """Returns the state to pickle, with parameters of NumPy and no compiled program."""
        state = {name: value for name, value in self.__dict__.items() if name != "_predict"}
        return {**state, "params": jax.tree.map(np.asarray, self.params)}

    @cached_property
    def _predict(self) -> Any:
        # Made at the first call, so that unpickling uses no JAX: in a forked worker it would hang.
        return jax.jit(partial(predict, self.model))

    def __call__(self, noisy: np.ndarray, level: float | None = None) -> np.ndarray:
        """Denoises images of any size.

        Args:
          noisy: images ``[N, H, W, C]``, or ``[N, H, W]`` for one channel; float in units of the
            [0, 1] range, uint8, or uint16 whose white is 65,535; of any byte order. Networks for
            grey images denoise each channel separately; networks for colour images treat grey
            images as colour.
          level: noise level, for networks with ``condition="noise_level"``. None: zero-mean
            Gaussian noise is estimated per image (and channel); for other noise the middle of
            the training range is used.

        Returns:
          Denoised images float32 in [0, 1], with the shape of ``noisy``.

        Raises:
          ValueError: if shape, dtype or values are not supported.
          RuntimeError: in a fork of the process that loaded the network.
        """
        check_not_forked()
        noisy = as_array(noisy)
        batch, channels = self._prepared(noisy)
        if level is None and self._conditioned:
            denoised, _ = self._guessed(batch)
        else:
            denoised = self._denoised(batch, np.full(len(batch), level or 0.0, np.float32))
        if channels == self.channels:
            return denoised.reshape(noisy.shape)
        if self.channels == 1:
            height, width = batch.shape[1:3]
            # Inverse of ``_prepared``, which turned channels into examples.
            stacked = denoised.reshape(-1, channels, height, width)
            return np.moveaxis(stacked, 1, -1).reshape(noisy.shape)
        grey: np.ndarray = denoised.mean(axis=-1).reshape(noisy.shape)
        return grey

    def interval(self, noisy: np.ndarray, level: float | None = None) -> Interval:
        """Denoises images and returns an interval for each pixel, which holds the clean value with
        a probability of 90 %, averaged over the pixels of images like those of the calibration.

        Arguments and errors are those of a call.

        Returns:
          ``denoised`` and ``half_width``, float32 with the shape of ``noisy``.

        Raises:
          CheckpointError: if the network has no calibration.
        """
        denoised = self(noisy, level)
        return Interval(denoised, self.half_width(noisy, denoised))

    def half_width(self, noisy: np.ndarray, denoised: np.ndarray) -> np.ndarray:
        """Returns the half-widths of the intervals of ``denoised``, which this network made of
        ``noisy``; see ``interval``."""
        if self.calibration is None:
            raise CheckpointError(
                "this network has no calibration; python -m aedenoise.main calibrate "
                "--workdir=FOLDER makes that of a run"
            )
        noisy = np.asarray(noisy)
        four = (*noisy.shape, 1) if noisy.ndim == 3 else noisy.shape
        clean = denoised.reshape(four)
        levels = self.levels(scaled(noisy).reshape(four), clean)
        return self.calibration.half_widths(clean, levels).reshape(noisy.shape)

    def levels(self, noisy: np.ndarray, denoised: np.ndarray) -> np.ndarray:
        """Estimates the noise levels ``[N, C]`` of images ``[N, H, W, C]`` in units of the [0, 1]
        range, for ``calibration``."""
        return estimate_levels(noisy, denoised, jointly=self.channels > 1)

    def estimate(self, noisy: np.ndarray, denoised: np.ndarray) -> float | None:
        """Estimates the level of Gaussian noise in ``noisy``, see ``estimate_level``.

        Args:
          noisy: images of any shape, float, uint8 or uint16.
          denoised: the same images denoised, float in [0, 1].

        Returns:
          Standard deviation, or None if the network was trained on other noise.
        """
        noise = self.experiment.noise
        # Noise that was found in pictures has a level without a gain if it is Gaussian.
        found = noise.kind == RECORDED and noise.level > 0.0 and not noise.gain
        if (noise.kind != "gaussian" and not found) or noise.mean:
            return None
        return estimate_level(scaled(np.asarray(noisy)), denoised)

    @property
    def _conditioned(self) -> bool:
        return self.experiment.model.condition == "noise_level"

    def __repr__(self) -> str:
        experiment = self.experiment
        kind = "colour" if self.channels == 3 else "grey"
        return (
            f"<Denoiser {experiment.name or experiment.model.decoder}: {kind}, trained on "
            f"{experiment.data.dataset} with {experiment.noise} for {self.step:,} steps>"
        )

    def _prepared(self, noisy: np.ndarray) -> tuple[np.ndarray, int]:
        """Converts images to the network's channels; also returns their own number of channels."""
        check_layout(noisy)
        batch = scaled(noisy if noisy.ndim == 4 else noisy[..., None])
        channels = batch.shape[-1]
        if channels == self.channels:
            return batch, channels
        if self.channels == 1:
            return np.moveaxis(batch, -1, 1).reshape(-1, *batch.shape[1:3], 1), channels
        if channels == 1:
            return np.repeat(batch, self.channels, axis=-1), channels
        raise ValueError(
            f"images of shape {noisy.shape} have {channels} channels; this network needs "
            f"{self.channels}, or grey images"
        )

    def _guessed(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Denoises images of unknown noise level; also returns the estimated levels."""
        noise = self.experiment.noise
        least, most = noise.level, noise.level_max or noise.level
        # Fixed-point iteration: a better image gives a better level, and the reverse.
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
                    # The receptive field of a user's network, hence its halo, is unknown.
                    tiled=not self._own_parts,
                )
            )
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _whole(self, images: np.ndarray, levels: np.ndarray, least: int = 0) -> np.ndarray:
        """Applies the network, padding the batch to ``least`` images so that it compiles once."""
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
    checkpoint_dir: str | None = None,
) -> Denoiser:
    """Restores the denoiser in a workdir; writes nothing.

    Args:
      workdir: folder of the run.
      checkpoint: ``newest``, ``best`` (by test PSNR) or a step.
      components: user-defined model or decoder, if the run was trained with one.
      checkpoint_dir: folder of the checkpoints; None: the one that the workdir knows.

    Raises:
      CheckpointError: if there is no run or no readable checkpoint.
      UsageError: if the run is a GAN.
    """
    run = read_run(workdir, checkpoint_dir=checkpoint_dir)
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
        calibration=read_calibration(run.folder, restored.state["params"]),
    )
