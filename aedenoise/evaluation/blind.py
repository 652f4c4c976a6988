"""Quality of a denoiser without clean images: an estimate of its error on noisy pictures.

For independent noise of variance ``v`` the mean squared error of a denoiser ``f`` is, on average,
``mean((f(y) - y)**2) - mean(v) + 2 mean(v df/dy)`` (Stein 1981). Where the noise is not known, a
pixel that is hidden from the network is compared with its recorded value (Batson and Royer 2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise.data.batch import Batch
from aedenoise.evaluation.evaluate import AbandonedError, evaluation_key
from aedenoise.losses.objectives import hide_pixels
from aedenoise.metrics.noise_level import NoiseLine
from aedenoise.models import Autoencoder
from aedenoise.ops.images import scale, to_image
from aedenoise.ops.noise import example_keys
from aedenoise.training.task import Params

# Finite difference: over larger steps a network's slope may differ.
_STEP = 1e-3
STEIN, HELD_OUT = "stein", "held out"


@dataclass(frozen=True)
class Sums:
    """Means over the pixels of a split of noisy pictures.

    Attributes:
      change: squared difference of result and picture.
      brightness: the pictures.
      divergence: derivative of a result by its own pixel.
      weighted: the same times the picture.
      held_out: squared error of pixels hidden from the network, against the recorded ones.
      count: number of images.
      pixels: number of their pixels.
    """

    change: float
    brightness: float
    divergence: float
    weighted: float
    held_out: float
    count: float
    pixels: float

    def risk(self, line: NoiseLine) -> float:
        """Estimates the mean squared error for noise of this variance."""
        return self.change - self.variance(line) + 2.0 * self.derivative(line)

    def variance(self, line: NoiseLine) -> float:
        """Returns the mean variance of the noise."""
        return line.read**2 + line.gain * max(self.brightness, 0.0)

    def derivative(self, line: NoiseLine) -> float:
        """Returns the mean product of the noise's variance and the divergence."""
        return line.read**2 * self.divergence + line.gain * self.weighted


def make_blind_step(model: Autoencoder, level: float) -> Callable[..., dict[str, Array]]:
    """Makes the pure function ``(params, key, batch, axis_name=None) -> sums over the batch``.

    Args:
      model: the network.
      level: noise level as far as known, for the network.
    """

    def blind_step(
        params: Params, key: Array, batch: Batch, *, axis_name: str | None = None
    ) -> dict[str, Array]:
        noisy = scale(batch.image)
        levels = jnp.full(noisy.shape[:1], level, jnp.float32)
        keys = example_keys(key, 0, batch.index)

        def denoise(image: Array) -> Array:
            logits: Any = model.apply({"params": params}, image, levels)
            return to_image(logits)

        restored = denoise(noisy)
        probe = jax.vmap(lambda one: jax.random.rademacher(one, noisy.shape[1:], jnp.float32))(keys)
        slope = denoise(noisy + _STEP * probe) - denoise(noisy - _STEP * probe)
        divergence = probe * slope / (2.0 * _STEP)
        hidden, masked = hide_pixels(keys, noisy)
        # Isolated extremes are noise of another kind, from which no error can be read.
        counted = jnp.broadcast_to(hidden, noisy.shape) & ~_isolated(noisy)
        missed = jnp.where(counted, jnp.square(denoise(masked) - noisy), 0.0)
        values = {
            "change": jnp.square(restored - noisy),
            "brightness": noisy,
            "divergence": divergence,
            "weighted": noisy * divergence,
        }
        per_image = {name: jnp.mean(value, axis=(1, 2, 3)) for name, value in values.items()}
        per_image["held_out"] = jnp.sum(missed, axis=(1, 2, 3))
        per_image["held_out_pixels"] = jnp.sum(counted, axis=(1, 2, 3)).astype(jnp.float32)
        per_image["count"] = jnp.ones_like(batch.mask, jnp.float32)
        per_image["pixels"] = jnp.full_like(per_image["count"], noisy[0].size)
        sums = {name: jnp.sum(jnp.where(batch.mask, v, 0.0)) for name, v in per_image.items()}
        summed: dict[str, Array] = sums if axis_name is None else jax.lax.psum(sums, axis_name)
        return summed

    return blind_step


def _isolated(image: Array) -> Array:
    """Marks pixels at 0 or 1 that differ by more than 0.2 from all four neighbours."""
    padded = jnp.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    around = jnp.stack(
        [padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]]
    )
    salt = (image == 1.0) & (image > jnp.sort(around, axis=0)[2] + 0.2)
    pepper = (image == 0.0) & (image < jnp.sort(around, axis=0)[1] - 0.2)
    return salt | pepper


def sum_up(
    step: Callable[[Any, Any, Any], Any],
    params: Params,
    batches: Iterable[Batch],
    stop_requested: Callable[[], bool] = lambda: False,
) -> Sums:
    """Sums the compiled ``step`` over all batches, and divides once.

    Raises:
      AbandonedError: if ``stop_requested`` returned True.
    """
    sums: list[Any] = []
    for batch in batches:
        if stop_requested():
            raise AbandonedError
        sums.append(step(params, evaluation_key(), batch))
        jax.block_until_ready(sums[-2:][0])
    totals = jax.tree.map(
        lambda *parts: float(np.sum(parts, dtype=np.float64)), *jax.device_get(sums)
    )
    count, pixels = totals.pop("count"), totals.pop("pixels")
    held_out = totals.pop("held_out") / max(totals.pop("held_out_pixels"), 1.0)
    means = {name: value / count for name, value in totals.items()}
    return Sums(**means, held_out=held_out, count=count, pixels=pixels)


def estimate_psnr(sums: Sums, line: NoiseLine | None) -> dict[str, float | str]:
    """Estimates the PSNR of the mean error in dB, with two standard errors of the noise's variance.

    Args:
      sums: means over held-out pictures.
      line: the noise, and the relative error of its variance; None: not known, so that hidden
        pixels are compared. Their noise counts as an error then, and the estimate is a lower bound.

    Returns:
      ``psnr_estimate``, ``psnr_low`` and ``psnr_high``, ``mse_estimate``, ``method``; with a known
      noise also its ``noise_level`` (at middle brightness for a ``noise_gain``).
    """
    if line is None:
        psnr = _decibels(sums.held_out)
        return {
            "method": HELD_OUT,
            "psnr_estimate": psnr,
            "psnr_low": psnr,
            "psnr_high": psnr,
            "mse_estimate": sums.held_out,
        }
    variance, risk = sums.variance(line), sums.risk(line)
    # Both terms of the noise scale with its variance, which in few pixels also differs by chance.
    error = math.hypot(line.error, (2.0 / sums.pixels) ** 0.5)
    doubt = 2.0 * error * abs(variance - 2.0 * sums.derivative(line))
    # An estimate below its own error says no more than that.
    risk = max(risk, doubt, 1e-10)
    return {
        "method": STEIN,
        "psnr_estimate": _decibels(risk),
        "psnr_low": _decibels(risk + doubt),
        "psnr_high": _decibels(max(risk - doubt, 0.25 * risk)),
        "mse_estimate": risk,
        "noise_level": line.read,
        "noise_gain": line.gain,
        "noise_error": line.error,
    }


def _decibels(error: float) -> float:
    return -10.0 * math.log10(max(error, 1e-10))
