"""Generative metrics: generated images against real ones, in the features of a classifier.

Features are float ``[N, F]``, probabilities ``[N, K]``; numpy, in float64 where it matters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# From this probability of a class on, a classifier is confident.
CONFIDENT = 0.9
# A class counts as lost where its share is below this part of its share among real images.
LEAST = 0.5
# The radius around each point is the distance to this neighbour (Kynkaanniemi et al. 2019).
_NEIGHBOURS = 3
# The fewest images of which each has so many neighbours.
FEWEST = _NEIGHBOURS + 1
_ROWS = 512


@dataclass(frozen=True)
class Gaussian:
    """Mean ``[F]`` and covariance ``[F, F]`` of features."""

    mean: np.ndarray
    covariance: np.ndarray


def fit_gaussian(features: np.ndarray) -> Gaussian:
    """Fits a normal distribution to features of at least two images."""
    values = features.astype(np.float64)
    return Gaussian(values.mean(axis=0), np.cov(values, rowvar=False))


def frechet(a: Gaussian, b: Gaussian) -> float:
    """Computes the Frechet distance (Heusel et al. 2017).

    It is ``|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))``. The root's trace is that of
    the symmetric ``(C_a^(1/2) C_b C_a^(1/2))^(1/2)``.
    """
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    both = np.linalg.eigvalsh(root @ b.covariance @ root)
    cross = np.sqrt(np.maximum(both, 0.0)).sum()
    apart = np.square(a.mean - b.mean).sum()
    return float(max(0.0, apart + np.trace(a.covariance) + np.trace(b.covariance) - 2.0 * cross))


def precision_recall(real: np.ndarray, made: np.ndarray) -> tuple[float, float]:
    """Returns the share of generated images near a real one, and of real images near a generated
    one (Kynkaanniemi et al. 2019). Near means no farther than that image's third neighbour."""
    return _covered(real, made), _covered(made, real)


def class_shares(probabilities: np.ndarray) -> np.ndarray:
    """Returns the share of images that are classified as each class, ``[K]``."""
    counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
    shares: np.ndarray = counts / len(probabilities)
    return shares


def confident_share(probabilities: np.ndarray) -> float:
    """Returns the share of images of which the classifier is confident."""
    return float(np.mean(probabilities.max(axis=1) > CONFIDENT))


def nearest(
    images: np.ndarray,
    others: np.ndarray,
    scaled: Callable[[np.ndarray], np.ndarray] = lambda block: block,
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest of ``scaled(others[M, D])`` for each row of ``images[N, D]``: its index and
    its Euclidean distance, both ``[N]``. A block at a time is ``scaled``, to save memory."""
    best = np.full(len(images), np.inf, np.float32)
    index = np.zeros(len(images), np.int64)
    for start in range(0, len(others), _ROWS):
        block = scaled(others[start : start + _ROWS])
        squares = _squared_distances(images, block)
        found = squares.argmin(axis=1)
        least = squares[np.arange(len(images)), found]
        nearer = least < best
        index[nearer], best[nearer] = found[nearer] + start, least[nearer]
    return index, np.sqrt(best)


def _covered(points: np.ndarray, asked: np.ndarray) -> float:
    """Returns the share of ``asked`` inside a ball around one of ``points``."""
    radius = np.concatenate(
        [
            # Its own distance, zero, is one of them.
            np.partition(_squared_distances(rows, points), _NEIGHBOURS, axis=1)[:, _NEIGHBOURS]
            for rows in _blocks(points)
        ]
    )
    inside = [
        (_squared_distances(rows, points) <= radius[None, :]).any(axis=1) for rows in _blocks(asked)
    ]
    return float(np.concatenate(inside).mean())


def _blocks(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS)]


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Computes ``[N, M]`` of ``[N, F]`` and ``[M, F]``, none below zero."""
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None, :]
    found: np.ndarray = np.maximum(squares - 2.0 * (a @ b.T), 0.0)
    return found
