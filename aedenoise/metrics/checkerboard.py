"""Checkerboards in numbers: where a decoder's outputs differ by their place in a grid alone.

Images and residuals are ``[B, H, W, C]``. A *phase* of period p is the set of pixels whose row and
column leave the same remainders by p; strides of 2 and 4 show themselves as differences between
the phases of period 2 and 4, or as power at half and a quarter of the sampling frequency.
"""

from __future__ import annotations

from collections.abc import Iterable

import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise.experiment import TAIL_SIDE, ModelConfig
from aedenoise.ops import phases

# Kind of stage, kernel side, factor.
Stage = tuple[str, int, int]
PERIODS = (2, 4)
_RING = 2


def stages_of(config: ModelConfig) -> list[Stage]:
    """The decoder of ``config`` as stages for ``overlap_map``."""
    k, s = config.kernel_size, config.stride
    enlarge: Stage = ("spread" if config.decoder == "unpool" else "repeat", 0, s)
    conv: Stage = ("conv", k, 1)
    count = len(config.decoder_features)
    tail: list[Stage] = [("conv", TAIL_SIDE, 1)] if config.tail else []
    if config.decoder == "transpose":
        return [("transpose", k, s)] * count + tail
    if config.decoder in ("subpixel", "max_unpool"):
        return [conv, enlarge] * count + tail
    if config.decoder == "bilinear_additive" or config.order == "resize_conv":
        return [enlarge, conv] * count + tail
    return [conv, enlarge] * count + [conv]


def overlap_map(stages: Iterable[Stage], size: int) -> np.ndarray:
    """How much reaches each output pixel of a code of ones if every weight is one.

    Along one axis a stage makes of c the sums ``c'(n) = sum_t c(i(n, t))`` over the taps t that
    meet a pixel of the code (``ops.phases``); both axes are alike and independent, so the map is
    the outer product (Odena, Dumoulin & Olah 2016 draw it for one layer). It is uneven where
    kernels of transposed convolutions overlap unevenly: where the stride does not divide the
    kernel. Fixed enlargements are even (``repeat``: of the sums of ones; which place ``max_unpool``
    chooses depends on the image, each counts alike); ``spread`` puts zeros between.

    Args:
      stages: (``conv``, k, 1), (``transpose``, k, s), (``repeat``, 0, s) or (``spread``, 0, s).
      size: side of the code in pixels.

    Returns:
      float64 ``[S, S]``, S the side of the output; its mean is 1.
    """
    profile = np.ones(size)
    for kind, kernel, factor in stages:
        if kind == "repeat":
            profile = np.repeat(profile, factor)
        elif kind == "spread":
            profile = np.kron(profile, np.eye(1, factor)[0])
        elif kind == "transpose":
            axis, _ = phases.transposed_convolution(kernel, factor)
            profile = _sums(profile, axis, len(profile) * factor)
        else:
            axis, length = phases.convolution(len(profile), kernel, 1)
            profile = _sums(profile, axis, length)
    whole: np.ndarray = np.outer(profile, profile)
    whole /= whole.mean()
    return whole


def _sums(profile: np.ndarray, axis: phases.Axis, length: int) -> np.ndarray:
    sums = np.zeros(length)
    for place in range(length):
        step, phase = divmod(place, axis.out_stride)
        for shift in axis.shifts[phase]:
            read = axis.in_stride * step + shift
            if 0 <= read < len(profile):
                sums[place] += profile[read]
    return sums


def unevenness(image: np.ndarray, border: int) -> float:
    """``(max - min) / mean |.|`` of ``[H, W]`` inside a border, in which padding shows."""
    inner = image[border:-border, border:-border] if border else image
    return float(np.ptp(inner) / max(float(np.abs(inner).mean()), 1e-12))


def phase_spread(image: Array, period: int) -> Array:
    """The standard deviation of the means of the phases, in units of ``image`` ``[B, H, W, C]``:
    the strength of a grid of this period."""
    return jnp.sqrt(jnp.mean(jnp.square(_phase_means(image, period))))


def polyphase_index(residual: Array, period: int) -> Array:
    """The spread of the mean residual over the phases, as a share of the mean square.

    ``sum_p (m_p - m)^2 / P / E[r^2]``, m_p the mean of phase p over all images, P = period**2. Of
    noise without a grid it is about ``P / N`` of N values, so zero; of a residual that is nothing
    but a pattern of this period and mean zero it is 1.

    Args:
      residual: ``[B, H, W, C]``; what is over at the end of H and W is left out.
      period: 2, 4, …

    Returns:
      A scalar in [0, 1].
    """
    mean_square = jnp.mean(jnp.square(_whole_blocks(residual, period)))
    return jnp.square(phase_spread(residual, period)) / jnp.maximum(mean_square, 1e-20)


def _whole_blocks(image: Array, period: int) -> Array:
    batch, height, width, channels = image.shape
    rows, columns = height // period, width // period
    kept = image[:, : rows * period, : columns * period]
    return kept.reshape(batch, rows, period, columns, period, channels)


def _phase_means(image: Array, period: int) -> Array:
    """``[period, period]``, less their mean."""
    means = jnp.mean(_whole_blocks(image, period), axis=(0, 1, 3, 5))
    return means - jnp.mean(means)


def excess_power(residual: Array, period: int) -> Array:
    """Power of the residual at ``1 / period`` of the sampling frequency, over that around it.

    The mean over images and channels of ``|FFT|^2`` at rows, columns and both of that frequency,
    divided by the mean of the bins around each (up to two bins away), less one: 0 for noise
    without a grid, and proportional to the square of a pattern's strength.

    Args:
      residual: ``[B, H, W, C]``; H and W are cut to multiples of ``period``.
      period: 2 (Nyquist's frequency), 4 (half of it), …

    Returns:
      A scalar, at least -1.
    """
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
            # Not the bin itself, nor the row and column of the image's own mean.
            if (dy, dx) != (0, 0) and (y + dy) % height and (x + dx) % width
        ]
        mean = jnp.mean(jnp.stack(around))
        # Of a constant image there is no power, and none in excess.
        ratio = power[y % height, x % width] / jnp.where(mean > 0.0, mean, 1.0)
        ratios.append(jnp.where(mean > 0.0, ratio, 1.0))
    return jnp.mean(jnp.stack(ratios)) - 1.0


def measures(residual: Array) -> dict[str, Array]:
    """``polyphase_2``, ``polyphase_4``, ``excess_2`` and ``excess_4`` of ``[B, H, W, C]``."""
    found = {f"polyphase_{period}": polyphase_index(residual, period) for period in PERIODS}
    return found | {f"excess_{period}": excess_power(residual, period) for period in PERIODS}
