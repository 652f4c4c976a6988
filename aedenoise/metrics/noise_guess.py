"""Guess of the kind and level of the noise in a set of pictures, without a clean one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aedenoise.metrics.noise_level import (
    FEWEST,
    NoiseLine,
    cut_patches,
    fit_line,
    flat_variance,
    relative_error,
)

GAUSSIAN, POISSON_GAUSSIAN, SALT_PEPPER, JPEG, NONE = KINDS = (
    "gaussian",
    "poisson-gaussian",
    "salt and pepper",
    "jpeg",
    "none",
)
# Sides of the patches. Where structure hides in the small ones, the estimates differ.
_SIDES = (4, 6, 8)
# Standard deviation below which a picture counts as clean: a bit above rounding to 8 bits.
_FAINT = 0.006
# Distance from 0 and 1 of an extreme pixel, and from its neighbours of an outlier.
_END, _OUTLIER = 0.006, 0.2
_LEAST_SHARE = 0.004
# Share of black patches of a clean picture, and of clipped pixels that hide what growth there is.
_BLACK, _MUCH = 0.05, 0.25
# Greatest difference between the gains of several sizes of patches, relative to the middle one.
_AGREEMENT = 0.3
# Blocks of JPEG, and the shortest side of a picture in which they are looked for.
_BLOCK, _LEAST_SIDE = 8, 48
_BLOCKY, _CLEARLY = 0.04, 5.0


@dataclass(frozen=True)
class NoiseGuess:
    """Kind and level of noise.

    Attributes:
      kind: one of ``KINDS``.
      level: standard deviation of ``gaussian``, read noise of ``poisson-gaussian``, share of pixels
        of ``salt and pepper``, steps at block borders of ``jpeg`` relative to those within.
      gain: growth of the variance from black to white, for ``poisson-gaussian``.
      sure: confidence in kind and level, from 0 to 1; 0 where there was too little to look at.
      error: relative error of the level, as estimated.
      clipped: share of pixels at exactly 0 or 1.
    """

    kind: str
    level: float = 0.0
    gain: float = 0.0
    sure: float = 0.0
    error: float = 0.0
    clipped: float = 0.0

    def __str__(self) -> str:
        words = {
            GAUSSIAN: f"gaussian noise of level {self.level:.3f} (within {self.error:.1%})",
            POISSON_GAUSSIAN: (
                f"poisson noise of gain {self.gain:.4f} with read noise {self.level:.3f}"
            ),
            SALT_PEPPER: f"salt and pepper in {self.level:.1%} of the pixels",
            JPEG: f"blocks of JPEG ({self.level:+.0%} at their borders)",
            NONE: "no noise",
        }
        return f"{words[self.kind]}, {self.sure:.0%} sure"


def guess_noise(images: Sequence[np.ndarray]) -> NoiseGuess:
    """Guesses the noise of a set of pictures.

    Args:
      images: float ``[H, W, C]`` in units of the [0, 1] range, of any sizes; noise may exceed it.
    """
    clipped = float(np.mean([np.mean((image == 0.0) | (image == 1.0)) for image in images]))
    share, outliers = measure_salt_pepper(images)
    if share > _LEAST_SHARE and outliers > 0.5:
        return NoiseGuess(SALT_PEPPER, share, sure=outliers, clipped=clipped)
    line, error = _agreed_line(images, clipped)
    if line is None:
        return NoiseGuess(NONE, clipped=clipped)
    level = float(np.sqrt(line.read**2 + 0.5 * line.gain))
    steps, clear = measure_blocks(images)
    if steps > _BLOCKY and clear > _CLEARLY and level < 5.0 * _FAINT:
        return NoiseGuess(JPEG, steps, sure=1.0 - _CLEARLY / (2.0 * clear), clipped=clipped)
    if level < _FAINT:
        return NoiseGuess(NONE, level, sure=1.0 - 0.5 * level / _FAINT, clipped=clipped)
    # Faint noise is as likely to be fine texture.
    sure = (1.0 - min(error / 0.2, 0.9)) * (1.0 - 0.5 * _FAINT / level)
    kind = POISSON_GAUSSIAN if line.gain else GAUSSIAN
    return NoiseGuess(kind, line.read, line.gain, sure, error, clipped)


def _agreed_line(images: Sequence[np.ndarray], clipped: float) -> tuple[NoiseLine | None, float]:
    """Fits the noise at several sizes of patches.

    Returns:
      The line and its relative error; None where the patches are too few to say anything.
    """
    # No noise leaves whole patches of black at exactly 0; photon noise does.
    black = np.mean([_black_share(image) for image in images])
    # All pixels at the ends of a clean picture are alike, which says as much as noise of 0.
    mixed = float(np.mean([np.mean(_mixed_ends(image)) for image in images])) > _END
    lines, levels, errors = [], [], []
    enough = False
    for side in _SIDES:
        patches = cut_patches(images, side, clipped=mixed)
        variance, count = flat_variance(patches)
        enough |= len(patches.variance) >= FEWEST
        if count and variance > 0.0:
            lines.append(fit_line(patches))
            levels.append(float(np.sqrt(variance)))
            errors.append(relative_error(patches.freedom, count))
    grown = sorted((line for line in lines if line.gain > 0.0), key=lambda line: line.gain)
    # To the nearest of the others: large patches are rarely flat, small ones hide structure.
    gaps = np.diff(np.sort(levels))
    spread = float(gaps.min() / np.median(levels)) if gaps.size else 1.0
    # Much clipping changes the variance with the brightness as photons do.
    if grown and len(grown) == len(lines) and clipped < _MUCH and _agree(grown):
        chosen = grown[len(grown) // 2]
        spread = 0.5 * float(np.diff([line.gain for line in grown]).min()) / chosen.gain
    elif not lines or black > _BLACK:
        return (NoiseLine(0.0) if enough else None), 1.0
    else:
        middle = int(np.argsort(levels)[len(levels) // 2])
        chosen = NoiseLine(levels[middle], 0.0, errors[middle])
    return chosen, min(1.0, float(np.hypot(spread, 0.5 * chosen.error)))


def _agree(lines: Sequence[NoiseLine]) -> bool:
    """Returns True if lines sorted by their gain agree, as they do not on fine strokes."""
    return lines[-1].gain - lines[0].gain < _AGREEMENT * lines[len(lines) // 2].gain


def _black_share(image: np.ndarray) -> float:
    """Returns the share of 4 x 4 patches whose pixels are all exactly 0."""
    height, width = (length // 4 for length in image.shape[:2])
    patches = image[: 4 * height, : 4 * width].reshape(height, 4, width, 4, -1)
    return float(np.mean((patches == 0.0).all(axis=(1, 3)))) if patches.size else 0.0


def _mixed_ends(image: np.ndarray) -> np.ndarray:
    """Marks pixels at exactly 0 or 1 whose neighbours to the right or below have another value."""
    ends = (image == 0.0) | (image == 1.0)
    right = np.pad(image, ((0, 0), (0, 1), (0, 0)), mode="edge")[:, 1:] != image
    below = np.pad(image, ((0, 1), (0, 0), (0, 0)), mode="edge")[1:] != image
    marked: np.ndarray = ends & (right | below)
    return marked


def measure_salt_pepper(images: Sequence[np.ndarray]) -> tuple[float, float]:
    """Measures isolated pixels of the extreme values.

    Where the neighbours of a pixel are alike but for two at each end, it is an outlier if it is far
    from all of them. Salt is counted where the neighbours are not white, pepper where they are not
    black, and the share of pixels is the sum of both rates.

    Returns:
      Share of the pixels, and the share of the outliers that are black or white.
    """
    rates = np.zeros((2, 2))
    at_ends = outliers = 0
    for image in images:
        for plane in np.moveaxis(image, -1, 0):
            around = np.sort(_neighbours(plane), axis=0)
            centre = plane[1:-1, 1:-1]
            low, high = around[2], around[5]
            flat = high - low < 0.5 * _OUTLIER
            far = flat & ((centre < low - _OUTLIER) | (centre > high + _OUTLIER))
            salt, pepper = np.abs(centre - 1.0) < _END, np.abs(centre) < _END
            outliers += int(far.sum())
            at_ends += int((far & (salt | pepper)).sum())
            for row, (hit, room) in enumerate(
                ((salt, high < 1.0 - _OUTLIER), (pepper, low > _OUTLIER))
            ):
                rates[row] += np.sum(hit & flat & room), np.sum(flat & room)
    shares = rates[:, 0] / np.maximum(rates[:, 1], 1.0)
    # On black alone only salt is seen: pepper is then as frequent.
    unseen = rates[:, 1] < 0.05 * rates[:, 1].sum()
    share = 2.0 * float(shares[~unseen].sum()) if unseen.any() else float(shares.sum())
    return min(share, 1.0), at_ends / outliers if outliers else 0.0


def _neighbours(plane: np.ndarray) -> np.ndarray:
    """Stacks the eight neighbours of each inner pixel, ``[8, H - 2, W - 2]``."""
    height, width = plane.shape
    return np.stack(
        [
            plane[i : height - 2 + i, j : width - 2 + j]
            for i in range(3)
            for j in range(3)
            if (i, j) != (1, 1)
        ]
    )


def measure_blocks(images: Sequence[np.ndarray]) -> tuple[float, float]:
    """Measures the steps at every eighth row and column (Wang et al. 2002).

    Returns:
      Excess of the steps at block borders over those next to them, relative to the mean step, and
      this excess in standard errors.
    """
    borders, others, steps = [], [], []
    for image in images:
        if min(image.shape[:2]) < _LEAST_SIDE:
            continue
        grey = image.mean(axis=-1)
        for turned in (grey, grey.T):
            step = np.abs(np.diff(turned, axis=1)).mean(axis=0)
            excess = step[1:-1] - 0.5 * (step[:-2] + step[2:])
            phase = np.arange(1, len(step) - 1) % _BLOCK
            borders.append(excess[phase == _BLOCK - 1])
            # Next to a border the excess is lowered by it.
            others.append(excess[(phase > 0) & (phase < _BLOCK - 2)])
            steps.append(step)
    if not borders:
        return 0.0, 0.0
    border, other = np.concatenate(borders), np.concatenate(others)
    scale = max(float(np.concatenate(steps).mean()), 1e-9)
    difference = float(border.mean() - other.mean())
    error = float(np.hypot(border.std() / len(border) ** 0.5, other.std() / len(other) ** 0.5))
    return difference / scale, difference / max(error, 1e-9)
