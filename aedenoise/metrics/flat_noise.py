"""Noise level where a denoiser finds pictures flat.

Where the denoised picture is flat, what is left of the noisy one is its noise. But a denoiser
passes on some of the noise, so that patches would count as flat because little noise happens to lie
in them. Each patch is therefore hidden from the denoiser before it says how flat the place is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from aedenoise.metrics.noise_level import NoiseLine, count_freedom, cut_patches

SIDE = 4
# One patch of so many in each direction is hidden at once, each patch in one of the patterns.
_APART = 3
_OFFSETS = tuple((down, across) for down in range(_APART) for across in range(_APART))
# Variance of the result relative to that of the noise below which patches are flat enough, and
# number of such patches below which there is no answer.
_FLAT, _FEWEST = 0.1, 200
# Parts of these that are tried: all, the flatter half, the flatter half of that, and so on.
_HALVINGS = 6
# Least variance that patches are compared with, relative to that at middle brightness.
_LEAST = 0.1
# Share of a part that is flattest.
_FLATTEST = 0.1
# Variance of the grain that photographs have of their own, which nothing tells from noise: that of
# about one step of 8 bits.
_GRAIN = 2.0**-16
# Pixels that are denoised at once, which bounds the memory.
_AT_ONCE = 2**20
# Unlike a plain seed, with which the noise of the pictures may have been drawn.
_STREAM = 0x666C6174
# Variances must agree with the guess at these brightnesses, which a poor network's do not.
_BRIGHTNESS, _LEAST_RATIO, _MOST_RATIO = np.array([0.2, 0.8]), 0.75, 1.33


def measure_with_denoiser(
    noisy: np.ndarray, denoise: Callable[[np.ndarray], np.ndarray], guess: NoiseLine, seed: int = 0
) -> NoiseLine:
    """Measures the noise in the patches that are flat in a denoised picture.

    What is left of structure there raises the variance of the noisy picture in proportion to that
    of the denoised one, and more so where there is little of it. A line of one over the other is
    therefore fitted to the flattest patches, as many as leave the least doubt between chance and
    structure, and read where patches are flattest: what noise the denoiser leaves is in those, too.

    Args:
      noisy: pictures float32 ``[N, H, W, C]``.
      denoise: pictures of this shape to pictures without noise; called nine times for each part.
      guess: the noise as far as known; returned if there are too few patches.
      seed: seed of the noise that fills hidden patches.

    Returns:
      The noise. Its error has three parts: chance, what the flatter half would change, and a grain
      of the pictures themselves of one step of 8 bits, which is measured as noise.
    """
    parts = list(_hide_all(noisy, denoise, guess, seed))
    variance, mean, unevenness = (np.concatenate(part) for part in zip(*parts, strict=True))
    # Photon noise vanishes at black, where neither flatness nor weights could be relative to it.
    expected = np.maximum(_variance(guess, mean), _LEAST * _variance(guess, np.array(0.5)))
    uneven = unevenness / expected
    ratio = variance / expected
    order = np.argsort(uneven, kind="stable")
    flat = int((uneven < _FLAT).sum())
    if flat < _FEWEST:
        return guess
    # Where the noise grows with the brightness, the flattest patches alone would all be dark.
    halvings = 1 if guess.gain else _HALVINGS
    counts = {max(_FEWEST, flat >> halved) for halved in range(halvings)}
    found = [_fit_line(uneven[order[:count]], ratio[order[:count]]) for count in sorted(counts)]
    best = min(found, key=lambda line: line.doubt)
    doubt = float(np.hypot(best.doubt, _GRAIN / _variance(guess, np.array(0.5))))
    line = NoiseLine(guess.read * max(best.start, 0.0) ** 0.5, 0.0, doubt)
    if guess.gain:
        rows = order[: best.count]
        structure = best.slope * (uneven[rows] - np.quantile(uneven[rows], _FLATTEST))
        rest = (ratio[rows] - structure) * expected[rows]
        line = _fit(rest, mean[rows], expected[rows], doubt)
    agree = _variance(line, _BRIGHTNESS) / _variance(guess, _BRIGHTNESS)
    return line if np.all((agree > _LEAST_RATIO) & (agree < _MOST_RATIO)) else guess


@dataclass(frozen=True)
class _Line:
    """Ratio of measured to expected variance over the unevenness.

    Attributes:
      start: the ratio where patches are flattest.
      slope: growth of the ratio; not negative.
      doubt: error of the start, by chance and by what the flatter half would change.
      count: number of patches.
    """

    start: float
    slope: float
    doubt: float
    count: int


def _fit_line(uneven: np.ndarray, ratio: np.ndarray) -> _Line:
    """Fits the line to patches that are sorted by their unevenness."""
    start, slope, error = _regress(uneven, ratio)
    half = len(uneven) // 2
    other = _regress(uneven[:half], ratio[:half])[0]
    return _Line(start, slope, float(np.hypot(error, other - start)), len(uneven))


def _regress(uneven: np.ndarray, ratio: np.ndarray) -> tuple[float, float, float]:
    """Returns the ratio where patches are flattest, the slope, and the error of the first."""
    deviation = (2.0 / count_freedom(SIDE)) ** 0.5
    middle, spread = float(uneven.mean()), float(uneven.var())
    slope = float(np.mean((uneven - middle) * ratio)) / spread if spread > 0.0 else 0.0
    slope = max(slope, 0.0)
    away = middle - float(np.quantile(uneven, _FLATTEST))
    start = float(ratio.mean()) - slope * away
    lever = away**2 / spread if spread > 0.0 else 0.0
    return start, slope, deviation * ((1.0 + lever) / len(ratio)) ** 0.5


def _hide_all(
    noisy: np.ndarray,
    denoise: Callable[[np.ndarray], np.ndarray],
    guess: NoiseLine,
    seed: int,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Hides each patch of all pictures once, see ``_hide``."""
    step = max(1, _AT_ONCE // noisy[0].size)
    for first in range(0, len(noisy), step):
        part = noisy[first : first + step]
        measured = cut_patches(part, SIDE).variance
        for offset in _OFFSETS:
            rng = np.random.default_rng((_STREAM, seed, first, *offset))
            hidden, mean, uneven = _hide(part, denoise, guess, offset, rng)
            yield measured[hidden], mean, uneven


def _hide(
    noisy: np.ndarray,
    denoise: Callable[[np.ndarray], np.ndarray],
    guess: NoiseLine,
    offset: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hides a pattern of patches and denoises.

    Returns:
      Numbers of the hidden patches, their brightness, and the variance of the result in them and
      around them.
    """
    count, height, width, channels = noisy.shape
    rows, columns = height // SIDE, width // SIDE
    whole = (slice(None), slice(rows * SIDE), slice(columns * SIDE))
    hidden = np.zeros((rows, columns), bool)
    hidden[offset[0] :: _APART, offset[1] :: _APART] = True
    grid = noisy[whole].reshape(count, rows, SIDE, columns, SIDE, channels)
    means = _around(grid.mean(axis=(2, 4)), own=False)[:, :, None, :, None]
    added = rng.standard_normal(grid.shape, np.float32)
    fill = means + np.sqrt(_variance(guess, means)) * added
    filled = noisy.astype(np.float32)
    filled[whole] = np.where(hidden[None, :, None, :, None, None], fill, grid).reshape(
        noisy[whole].shape
    )
    found = cut_patches(denoise(filled)[whole], SIDE)
    uneven = _around(found.variance.reshape(count, rows, columns, channels), own=True)
    chosen = np.broadcast_to(hidden[None, :, :, None], uneven.shape).ravel()
    return np.flatnonzero(chosen), found.mean[chosen], uneven.ravel()[chosen]


def _around(grid: np.ndarray, *, own: bool) -> np.ndarray:
    """Averages values of patches ``[N, rows, columns, C]`` over 3 x 3 patches, or eight of them."""
    sides = ((0, 0), (1, 1), (1, 1), (0, 0))
    values, ones = np.pad(grid, sides), np.pad(np.ones((1, *grid.shape[1:3], 1)), sides)
    # Patches beyond the border do not count.
    total, number = sum(_shifts(values, own)), sum(_shifts(ones, own))
    around: np.ndarray = np.divide(total, np.maximum(number, 1.0))
    return around


def _shifts(padded: np.ndarray, own: bool) -> Iterator[np.ndarray]:
    for down in range(3):
        for across in range(3):
            if own or (down, across) != (1, 1):
                height, width = padded.shape[1] - 2, padded.shape[2] - 2
                yield padded[:, down : down + height, across : across + width]


def _variance(line: NoiseLine, brightness: np.ndarray) -> np.ndarray:
    variance: np.ndarray = line.read**2 + line.gain * np.clip(brightness, 0.0, 1.0)
    return variance


def _fit(variance: np.ndarray, mean: np.ndarray, expected: np.ndarray, error: float) -> NoiseLine:
    """Fits variance over brightness, weighted by the expected errors."""
    weight = 1.0 / np.square(expected)
    middle = np.average(mean, weights=weight)
    spread = np.average(np.square(mean - middle), weights=weight)
    slope = np.average((mean - middle) * variance, weights=weight)
    gain = float(slope / spread) if spread > 1e-6 else 0.0
    offset = float(np.average(variance, weights=weight) - gain * middle)
    return NoiseLine(float(np.sqrt(max(offset, 0.0))), max(gain, 0.0), error)
