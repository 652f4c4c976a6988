"""Checkerboard metrics: differences in a decoder's output that depend on grid position alone.

Images and residuals are ``[B, H, W, C]``. A *phase* of period p is the set of pixels whose row and
column are congruent modulo p. Strides of 2 and 4 appear as differences between the phases of
period 2 and 4, or as power at 1/2 and 1/4 of the sampling frequency.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

# Grid periods of one and of two upsampling stages of stride 2.
PERIODS = (2, 4)
# Neighbouring frequency bins on each side that set the reference power.
_RING = 2


def unevenness(image: np.ndarray, border: int) -> float:
    """Computes ``(max - min) / mean |.|`` of ``[H, W]`` without a border affected by padding."""
    inner = image[border:-border, border:-border] if border else image
    return float(np.ptp(inner) / max(float(np.abs(inner).mean()), 1e-12))


def phase_std(image: Array, period: int) -> Array:
    """Returns the standard deviation of the phase means: the strength of a grid of this period.

    The unit is that of ``image`` ``[B, H, W, C]``.
    """
    return jnp.sqrt(jnp.mean(jnp.square(_phase_means(image, period))))


def polyphase_index(residual: Array, period: int) -> Array:
    """Returns the variance of the residual's phase means, as a share of its mean square.

    ``sum_p (m_p - m)^2 / P / E[r^2]``, with m_p the mean of phase p over all images and
    P = period**2. Noise without a grid gives about ``P / N`` for N values, close to zero; a pure
    zero-mean pattern of this period gives 1.

    Args:
      residual: ``[B, H, W, C]``; incomplete blocks at the end of H and W are dropped.
      period: 2, 4, …

    Returns:
      A scalar in [0, 1].
    """
    # A perfect reconstruction has no residual: 0 / 1e-20 makes its index 0, not NaN.
    mean_square = jnp.mean(jnp.square(_whole_blocks(residual, period)))
    return jnp.square(phase_std(residual, period)) / jnp.maximum(mean_square, 1e-20)


def _whole_blocks(image: Array, period: int) -> Array:
    batch, height, width, channels = image.shape
    rows, columns = height // period, width // period
    kept = image[:, : rows * period, : columns * period]
    return kept.reshape(batch, rows, period, columns, period, channels)


def _phase_means(image: Array, period: int) -> Array:
    """Returns the mean of each phase minus their common mean, ``[period, period]``."""
    means = jnp.mean(_whole_blocks(image, period), axis=(0, 1, 3, 5))
    return means - jnp.mean(means)


def excess_power(residual: Array, period: int) -> Array:
    """Compares the residual's power at ``1 / period`` of the sampling frequency with its surround.

    ``|FFT|^2``, averaged over images and channels, at that frequency in rows, columns and both,
    divided by the mean of the bins around each (up to two bins away), minus one: 0 for noise
    without a grid, and proportional to the square of a pattern's amplitude.

    Args:
      residual: ``[B, H, W, C]``; H and W are cut to multiples of ``period``.
      period: 2 (Nyquist's frequency), 4 (half of it), …

    Returns:
      A scalar, at least -1.
    """
    # With whole periods only, the frequency falls on one bin and does not leak into others.
    height, width = (n // period * period for n in residual.shape[1:3])
    spectrum = jnp.fft.fft2(residual[:, :height, :width], axes=(1, 2))
    power = jnp.mean(jnp.square(jnp.abs(spectrum)), axis=(0, 3))
    row, column = height // period, width // period
    bins = ((row, 0), (0, column), (row, column), (row, -column))
    ratios = []
    for y, x in bins:
        around = [
            power[(y + dy) % height, (x + dx) % width]
            for dy in range(-_RING, _RING + 1)
            for dx in range(-_RING, _RING + 1)
            # Neither the bin itself nor the zero frequencies, which hold the image's mean.
            if (dy, dx) != (0, 0) and (y + dy) % height and (x + dx) % width
        ]
        mean = jnp.mean(jnp.stack(around))
        # A constant image has no power, hence no excess; ``where`` on both sides avoids NaN.
        ratio = power[y % height, x % width] / jnp.where(mean > 0.0, mean, 1.0)
        ratios.append(jnp.where(mean > 0.0, ratio, 1.0))
    return jnp.mean(jnp.stack(ratios)) - 1.0


def measures(residual: Array) -> dict[str, Array]:
    """Computes ``polyphase_2``, ``polyphase_4``, ``excess_2``, ``excess_4`` of ``[B, H, W, C]``."""
    found = {f"polyphase_{period}": polyphase_index(residual, period) for period in PERIODS}
    return found | {f"excess_{period}": excess_power(residual, period) for period in PERIODS}
