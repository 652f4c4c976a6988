"""Strength of a grid in feature maps of any network, in NumPy: by phase and by spectrum.

Maps are ``[B, C, H, W]``. A *period* is a pair, of rows and of columns; a *phase* of it is the set
of pixels whose row and column are congruent modulo the period.
"""

from __future__ import annotations

import numpy as np

Period = tuple[int, int]


def phase_strength(maps: np.ndarray, period: Period) -> float:
    """Returns the standard deviation of the phase means as a share of the maps' RMS, in [0, 1].

    Channels keep their own phase means, which are pooled by their mean square. Maps of a network
    without a grid give 0 for a constant input, and ``sqrt(P / N)`` for N random values and P
    phases.

    Args:
      maps: ``[B, C, H, W]``; incomplete blocks at the end of H and W are dropped.
      period: of rows and columns.
    """
    blocks = _whole_blocks(np.asarray(maps, np.float64), period)
    if not blocks.size:
        return 0.0
    # [C, P_h, P_w]: one mean for each channel and phase.
    means = blocks.mean(axis=(0, 2, 4))
    deviations = means - means.mean(axis=(1, 2), keepdims=True)
    # Maps of zeros have no grid: 0 / 1e-30 is 0, not NaN.
    share = np.square(deviations).mean() / max(float(np.square(blocks).mean()), 1e-30)
    return float(np.sqrt(min(share, 1.0)))


def excess_strength(maps: np.ndarray, period: Period) -> float:
    """Returns the phase strength beyond that of the next longer period.

    Slow changes over the image, such as the reach of padded borders in a deep network, and noise
    give both about the same; a grid has one period.

    Args:
      maps: ``[B, C, H, W]``.
      period: of rows and columns.
    """
    longer = (period[0] + 1, period[1] + 1)
    excess = phase_strength(maps, period) ** 2 - phase_strength(maps, longer) ** 2
    return float(np.sqrt(max(excess, 0.0)))


def spectral_strength(maps: np.ndarray, period: Period) -> float:
    """Returns the share of the maps' AC power at the frequencies of a grid, above their surround.

    The bins are the multiples of ``(H / P_h, W / P_w)`` but zero. The median power of all bins is
    taken from each, so that noise gives about 0 and a pure grid 1 (Zhang et al. 2019 read such
    peaks in the spectra of generated images).

    Args:
      maps: ``[B, C, H, W]``; H and W are cut to multiples of the period.
      period: of rows and columns.
    """
    rows, columns = period
    height, width = (n // p * p for n, p in zip(maps.shape[2:], period, strict=True))
    if not height or not width:
        return 0.0
    # The mean over images keeps what depends on the place and averages what does not.
    mean = np.asarray(maps, np.float64)[:, :, :height, :width].mean(axis=0)
    power = np.square(np.abs(np.fft.fft2(mean, axes=(1, 2)))).mean(axis=0)
    power[0, 0] = 0.0
    total = float(power.sum())
    if total <= 1e-20 * float(np.square(mean).sum()) * height * width:
        return 0.0
    peaks = power[:: height // rows, :: width // columns]
    excess = float(peaks.sum()) - (peaks.size - 1) * float(np.median(power))
    return float(np.clip(excess / total, 0.0, 1.0))


def interior(maps: np.ndarray, period: Period) -> np.ndarray:
    """Cuts a quarter from each side, in whole periods, where padding shows."""
    top, left = (n // 4 // p * p for n, p in zip(maps.shape[2:], period, strict=True))
    return maps[:, :, top : maps.shape[2] - top, left : maps.shape[3] - left]


def _whole_blocks(maps: np.ndarray, period: Period) -> np.ndarray:
    batch, channels, height, width = maps.shape
    rows, columns = height // period[0], width // period[1]
    kept = maps[:, :, : rows * period[0], : columns * period[1]]
    return kept.reshape(batch, channels, rows, period[0], columns, period[1])
