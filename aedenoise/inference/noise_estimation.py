"""How strong the Gaussian noise of an image is, told by what a network made of it."""

from __future__ import annotations

import functools

import numpy as np

_LEVELS = np.geomspace(1e-3, 2.0, 200)
_BINS = 64
# From this share of values at exactly 0 or 1 on, an image counts as clipped.
_CLIPPED_SHARE = 0.005


def estimate_level(noisy: np.ndarray, denoised: np.ndarray) -> float:
    """The standard deviation that explains ``noisy``, if ``denoised`` were the clean image.

    Clipped noise moves a black pixel in one direction only. For each brightness of ``denoised``
    the expected squared change by clipped noise is integrated (Gauss-Hermite), and the level is
    sought at which its mean is that of the image.

    Args:
      noisy: any shape, in units of the [0, 1] range.
      denoised: of the same shape.

    Returns:
      Between 0.001 and 2.
    """
    change = float(np.mean(np.square(noisy - denoised, dtype=np.float64)))
    ends = np.mean((noisy == 0.0) | (noisy == 1.0))
    if noisy.min() < 0.0 or noisy.max() > 1.0 or ends < _CLIPPED_SHARE:
        return float(np.clip(np.sqrt(change), _LEVELS[0], _LEVELS[-1]))
    shares, _ = np.histogram(denoised, _BINS, (0.0, 1.0))
    expected = _clipped_change() @ (shares / shares.sum())
    return float(np.interp(change, expected, _LEVELS))


@functools.cache
def _clipped_change() -> np.ndarray:
    """``E[(clip(b + s n) - b)**2]`` of each level s and the brightness b of each bin."""
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    brightness = 0.5 * (edges[1:] + edges[:-1])
    # Glyphs are black and white: the outermost bins stand for their ends.
    brightness[0], brightness[-1] = 0.0, 1.0
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    clean = brightness[None, :, None]
    noisy = np.clip(clean + _LEVELS[:, None, None] * nodes, 0.0, 1.0)
    squares: np.ndarray = np.square(noisy - clean) @ (weights / weights.sum())
    return squares
