"""How like made images are to real ones, in the features of a classifier. Pure functions.

Features are float ``[N, F]``, probabilities ``[N, K]``; numpy, in float64 where it matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Above this a classifier is called sure of an image.
CONFIDENT = 0.9
# A class with a smaller part of its share among real images counts as given up.
LEAST = 0.5
# Of the distance to its third neighbour is the radius around each point (Kynkaanniemi 2019).
_NEIGHBOURS = 3
# Images that have so many neighbours beside themselves.
FEWEST = _NEIGHBOURS + 1
_ROWS = 512


@dataclass(frozen=True)
class Gaussian:
    """Mean ``[F]`` and covariance ``[F, F]`` of features."""

    mean: np.ndarray
    covariance: np.ndarray


def fit_gaussian(features: np.ndarray) -> Gaussian:
    """The normal distribution nearest to features of at least two images."""
    values = features.astype(np.float64)
    return Gaussian(values.mean(axis=0), np.cov(values, rowvar=False))


def frechet(a: Gaussian, b: Gaussian) -> float:
    """``|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))`` (Heusel et al. 2017).

    The root's trace is that of the symmetric ``(C_a^(1/2) C_b C_a^(1/2))^(1/2)``.
    """
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    both = np.linalg.eigvalsh(root @ b.covariance @ root)
    cross = np.sqrt(np.maximum(both, 0.0)).sum()
    apart = np.square(a.mean - b.mean).sum()
    return float(max(0.0, apart + np.trace(a.covariance) + np.trace(b.covariance) - 2.0 * cross))


def precision_recall(real: np.ndarray, made: np.ndarray) -> tuple[float, float]:
    """The share of made images that lie near a real one, and of real ones that lie near a made one
    (Kynkaanniemi et al. 2019): near is what is no farther than that one's third neighbour."""
    return _covered(real, made), _covered(made, real)


def class_shares(probabilities: np.ndarray) -> np.ndarray:
    """The share of images that are taken for each class, ``[K]``."""
    counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
    shares: np.ndarray = counts / len(probabilities)
    return shares


def confident_share(probabilities: np.ndarray) -> float:
    """The share of images of which the classifier is sure."""
    return float(np.mean(probabilities.max(axis=1) > CONFIDENT))


def nearest(images: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row of ``images[N, D]`` in [0, 1] the nearest of ``others[M, D]``, which may be
    uint8: its place and its Euclidean distance, both ``[N]``."""
    best = np.full(len(images), np.inf, np.float32)
    place = np.zeros(len(images), np.int64)
    for start in range(0, len(others), _ROWS):
        block = others[start : start + _ROWS]
        if block.dtype == np.uint8:
            block = block.astype(np.float32) / np.float32(255.0)
        squares = _squared_distances(images, block)
        found = squares.argmin(axis=1)
        least = squares[np.arange(len(images)), found]
        nearer = least < best
        place[nearer], best[nearer] = found[nearer] + start, least[nearer]
    return place, np.sqrt(best)


def _covered(points: np.ndarray, asked: np.ndarray) -> float:
    """The share of ``asked`` inside a ball around one of ``points``."""
    radius = np.concatenate(
        [
            # Its own distance, zero, is one of them.
            np.partition(_squared_distances(part, points), _NEIGHBOURS, axis=1)[:, _NEIGHBOURS]
            for part in _parts(points)
        ]
    )
    inside = [
        (_squared_distances(part, points) <= radius[None, :]).any(axis=1) for part in _parts(asked)
    ]
    return float(np.concatenate(inside).mean())


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS)]


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``[N, F]`` and ``[M, F]`` to ``[N, M]``, none below zero."""
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None, :]
    found: np.ndarray = np.maximum(squares - 2.0 * (a @ b.T), 0.0)
    return found
