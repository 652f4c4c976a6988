"""Variance of Gaussian noise that is clipped to [0, 1]."""

from __future__ import annotations

import functools
import math

import numpy as np


@functools.cache
def narrowing() -> tuple[np.ndarray, np.ndarray]:
    """Computes the share of clipped pixels and the ratio of variances after and before clipping.

    First for weak noise on ever darker greys, down to black; then for ever stronger noise on black,
    which is clipped at white too.
    """
    nodes, weights = gauss()
    weak = 1e-3
    levels = np.concatenate([np.full(33, weak), np.linspace(0.2, 1.0, 33)])
    clean = np.concatenate([np.linspace(4.0, 0.0, 33) * weak, np.zeros(33)])
    noisy = np.clip(clean[:, None] + levels[:, None] * nodes, 0.0, 1.0)
    means = noisy @ weights
    ratios = (np.square(noisy) @ weights - np.square(means)) / np.square(levels)
    # From the normal distribution: as a sum over nodes the share would have steps.
    shares = np.asarray(
        [
            _tail(black / level) + _tail((1.0 - black) / level)
            for black, level in zip(clean, levels, strict=True)
        ]
    )
    return shares, ratios


def _tail(distance: float) -> float:
    """Returns the share of a normal distribution beyond ``distance`` standard deviations."""
    return 0.5 * math.erfc(distance / math.sqrt(2.0))


def gauss() -> tuple[np.ndarray, np.ndarray]:
    """Returns nodes and weights of the Gauss-Hermite quadrature of a normal distribution."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    return nodes, weights / weights.sum()
