"""Strength of the grids in responses to constants and to noise."""

from __future__ import annotations

import numpy as np

from aedenoise.exports.grids.findings import Strength
from aedenoise.metrics.grid_strength import Period, excess_strength, interior, spectral_strength

_LEVELS = (0.25, 0.75)
_NOISY = 8


def constant_images(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Returns images of one grey each."""
    return [np.full(shape, level, np.float32) for level in _LEVELS]


def noise_images(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Returns images of uniform noise in [0, 1]."""
    draw = np.random.default_rng(0)
    return [draw.uniform(size=shape).astype(np.float32) for _ in range(_NOISY)]


def strength(constants: np.ndarray, noisy: np.ndarray, period: Period) -> Strength:
    """Measures responses ``[B, C, H, W]`` to constants and to noise."""
    noise = interior(noisy, period)
    return Strength(
        constant=constant_strength(constants, period),
        noise=excess_strength(noise, period),
        spectrum=spectral_strength(noise, period),
    )


def constant_strength(constants: np.ndarray, period: Period) -> float:
    """Returns the largest excess strength of the responses to constants."""
    # Levels apart: a mean over them would hide grids of opposite sign.
    return max(excess_strength(each[None], period) for each in interior(constants, period))
