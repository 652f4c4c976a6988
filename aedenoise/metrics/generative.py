"""Generative metrics: generated against real images in the feature space of a classifier.

Features are float ``[N, F]``, probabilities ``[N, K]``; NumPy arrays, float64 where needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Class probability above which a classifier is confident.
CONFIDENT = 0.9
# A class counts as lost below this fraction of its share among real images.
LEAST = 0.5
# The radius around each point is the distance to this neighbour (Kynkaanniemi et al. 2019).
_NEIGHBOURS = 3
# Fewest images for which every one has that many neighbours.
FEWEST = _NEIGHBOURS + 1
# Rows per block: a distance matrix to 60,000 images then takes about 120 MB.
_ROWS = 512


@dataclass(frozen=True)
class Gaussian:
    """Mean ``[F]`` and covariance ``[F, F]`` of features."""

    mean: np.ndarray
    covariance: np.ndarray


def fit_gaussian(features: np.ndarray) -> Gaussian:
    """Fits a normal distribution to features of at least two images."""
    # The Frechet distance subtracts traces of similar size, which needs more than float32.
    values = features.astype(np.float64)
    return Gaussian(values.mean(axis=0), np.cov(values, rowvar=False))


def frechet(a: Gaussian, b: Gaussian) -> float:
    """Computes the Frechet distance (Heusel et al. 2017).

    ``|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))``. The trace of the root equals that of
    the symmetric ``(C_a^(1/2) C_b C_a^(1/2))^(1/2)``.
    """
    # eigh of symmetric matrices is stable, unlike a general matrix root; rounding may leave
    # eigenvalues slightly below zero.
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    both = np.linalg.eigvalsh(root @ b.covariance @ root)
    cross = np.sqrt(np.maximum(both, 0.0)).sum()
    apart = np.square(a.mean - b.mean).sum()
    return float(max(0.0, apart + np.trace(a.covariance) + np.trace(b.covariance) - 2.0 * cross))


def precision_recall(real: np.ndarray, made: np.ndarray) -> tuple[float, float]:
    """Returns precision and recall of generated images (Kynkaanniemi et al. 2019).

    Precision is the share of generated images near a real one, recall the share of real images
    near a generated one. Near means within the distance to that image's third neighbour.
    """
    return _covered(real, made), _covered(made, real)


def class_shares(probabilities: np.ndarray) -> np.ndarray:
    """Returns the share of images assigned to each class, ``[K]``."""
    counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
    shares: np.ndarray = counts / len(probabilities)
    return shares


def confident_share(probabilities: np.ndarray) -> float:
    """Returns the share of images that are classified with confidence."""
    return float(np.mean(probabilities.max(axis=1) > CONFIDENT))


def nearest(
    images: np.ndarray,
    others: np.ndarray,
    scaled: Callable[[np.ndarray], np.ndarray] = lambda block: block,
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest of ``scaled(others[M, D])`` for each row of ``images[N, D]``.

    ``scaled`` is applied block by block to save memory.

    Returns:
      Index and Euclidean distance of the nearest, both ``[N]``.
    """
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
            # The distance to itself, zero, comes first, so index 3 is the third neighbour.
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
    """Computes the squared distances ``[N, M]`` between rows of ``[N, F]`` and ``[M, F]``."""
    # Expanded square: one matrix product instead of [N, M, F] differences. Rounding can make
    # the distance of equal rows negative, hence the maximum.
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None, :]
    found: np.ndarray = np.maximum(squares - 2.0 * (a @ b.T), 0.0)
    return found
