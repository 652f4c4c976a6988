"""Estimation of an image's Gaussian noise level, from its denoised version and from itself."""

from __future__ import annotations

import functools

import numpy as np

from aedenoise.metrics.clipping import gauss, narrowing

# Candidates of the standard deviation; the result is interpolated between them.
_LEVELS = np.geomspace(1e-3, 2.0, 200)
# Bins of the brightness histogram.
_BINS = 64
# Share of values at exactly 0 or 1 above which an image counts as clipped.
_CLIPPED_SHARE = 0.005
# Side of the blocks in which the noise of an image is measured.
_BLOCK = 8


def estimate_level(noisy: np.ndarray, denoised: np.ndarray) -> float:
    """Estimates the noise standard deviation of ``noisy``, taking ``denoised`` as the clean image.

    Clipped noise moves a black pixel in one direction only, so the root mean square would be too
    low. For each brightness of ``denoised`` the expected squared change by clipped noise is
    integrated (Gauss-Hermite); the result is the level whose mean equals that of the image.

    Args:
      noisy: image of any shape, in units of the [0, 1] range.
      denoised: the same image denoised, of the same shape.

    Returns:
      Standard deviation between 0.001 and 2, in units of the [0, 1] range.
    """
    change = float(np.mean(np.square(noisy - denoised, dtype=np.float64)))
    ends = np.mean((noisy == 0.0) | (noisy == 1.0))
    # Not clipped: the root mean square is the estimate.
    if noisy.min() < 0.0 or noisy.max() > 1.0 or ends < _CLIPPED_SHARE:
        return float(np.clip(np.sqrt(change), _LEVELS[0], _LEVELS[-1]))
    shares, _ = np.histogram(denoised, _BINS, (0.0, 1.0))
    expected = _clipped_change() @ (shares / shares.sum())
    return float(np.interp(change, expected, _LEVELS))


def measure_level(image: np.ndarray) -> float:
    """Measures the noise standard deviation of an image without knowing the clean one.

    In each block the difference of diagonal neighbours cancels brightness, slopes and upright
    edges (Immerkaer, 1996); the result is the median over blocks, which leaves out those with
    structure. It is too high rather than too low where most blocks hold fine structure.

    Args:
      image: float ``[H, W, C]`` in units of the [0, 1] range, of at least one block of 8 x 8.

    Returns:
      Standard deviation in units of the [0, 1] range, averaged over channels.
    """
    height, width = (side // _BLOCK for side in image.shape[:2])
    whole = image[: height * _BLOCK, : width * _BLOCK].astype(np.float32)
    blocks = whole.reshape(height, _BLOCK, width, _BLOCK, -1).swapaxes(1, 2)
    down = blocks[:, :, :-1] - blocks[:, :, 1:]
    change = 0.5 * (down[:, :, :, :-1] - down[:, :, :, 1:])
    spread = np.mean(np.square(change), axis=(2, 3))
    clipped = np.mean((blocks == 0.0) | (blocks == 1.0), axis=(2, 3))
    # Clipping narrows noise. The share of clipped pixels says by how much, also in a block that
    # mixes black and white, whose mean does not.
    levels = np.sqrt(spread / np.interp(clipped, *narrowing()))
    return float(np.median(levels, axis=(0, 1)).mean())


@functools.cache
def _clipped_change() -> np.ndarray:
    """Computes ``E[(clip(b + s n) - b)**2]`` for each level s and bin of brightness b."""
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    brightness = 0.5 * (edges[1:] + edges[:-1])
    # Glyphs are mostly pure black and white: the outer bins stand for their ends, not centres.
    brightness[0], brightness[-1] = 0.0, 1.0
    nodes, weights = gauss()
    clean = brightness[None, :, None]
    noisy = np.clip(clean + _LEVELS[:, None, None] * nodes, 0.0, 1.0)
    squares: np.ndarray = np.square(noisy - clean) @ weights
    return squares
