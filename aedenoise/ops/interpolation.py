"""Interpolation by an integer factor as sparse weights, for the CPU kernels.

``jax.image.resize`` multiplies by dense matrices of size ``[factor n, n]``; the kernels need the
two or four weights of each row that are not zero.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Kernels of ``jax.image.resize`` by name: half their width in pixels, and their value.
_KERNELS: dict[str, tuple[int, Callable[[np.ndarray], np.ndarray]]] = {
    "bilinear": (1, lambda x: np.maximum(1.0 - x, 0.0)),
    "bicubic": (2, lambda x: np.where(x < 1.0, _inner_cubic(x), _outer_cubic(x))),
}


@dataclass(frozen=True)
class Interpolation:
    """Interpolation along one axis: output n is the sum over t of
    ``weights[n taps + t] * x[firsts[n] + t]``."""

    firsts: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Resampling:
    """Interpolation of rows and of columns."""

    rows: Interpolation
    columns: Interpolation


def resampling(size: tuple[int, int], factor: int, method: str) -> Resampling:
    """Returns the interpolation of images of ``size`` (height, width) to ``factor`` times that,
    equal to ``jax.image.resize`` with ``method`` ``bilinear`` or ``bicubic``."""
    height, width = size
    return Resampling(_interpolation(height, factor, method), _interpolation(width, factor, method))


@functools.lru_cache(maxsize=256)
def _interpolation(size: int, factor: int, method: str) -> Interpolation:
    reach, kernel = _KERNELS[method]
    # Half-pixel centres: output n samples the input at (n + 1/2) / factor - 1/2.
    places = (np.arange(size * factor) + 0.5) / factor - 0.5
    taps = min(2 * reach, size)
    firsts = np.clip(np.floor(places).astype(np.int64) - reach + 1, 0, size - taps)
    weights = kernel(np.abs(places[:, None] - firsts[:, None] - np.arange(taps)))
    # At the border the weights of existing pixels are scaled to sum to one.
    weights /= weights.sum(axis=1, keepdims=True)
    return Interpolation(tuple(firsts.tolist()), tuple(weights.ravel().tolist()))


def _inner_cubic(x: np.ndarray) -> np.ndarray:
    """Computes the cubic of Keys (1981, a = -1/2) at distances below one pixel."""
    return (1.5 * x - 2.5) * x * x + 1.0


def _outer_cubic(x: np.ndarray) -> np.ndarray:
    """Computes it at distances from one pixel, zero from two on."""
    return np.where(x < 2.0, ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0, 0.0)
