"""Classifier in closed form, for measures that must not wait for a network to be trained.

Least squares on random features of the pixels (Rahimi and Recht 2008, "Weighted Sums of Random
Kitchen Sinks"). ``evaluation.classifier`` has a more accurate one that takes a minute to train.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aedenoise.data.batch import evenly_spaced
from aedenoise.data.reading import Dataset
from aedenoise.ops.images import scale_numpy

_FEATURES = 1024
_IMAGES = 20_000
# Larger images would take more than seconds.
_MOST_VALUES = 64 * 64 * 3
_MOST_CLASSES = 256
# Images at once: bounds the memory of their features.
_BLOCK = 2000
# Share of the mean squared feature that is added to the diagonal of the normal equations.
_RIDGE = 1e-3
# An arbitrary constant, so that all cells of a study have the same classifier.
_SEED = 20_080_101


@dataclass(frozen=True)
class QuickClassifier:
    """Linear classifier of random features.

    Attributes:
      mean: mean image, float32 ``[D]``.
      projection: float32 ``[D, F]``.
      weights: float32 ``[F + 1, K]``, the last row for the constant.
      classes: labels of the K classes.
    """

    mean: np.ndarray
    projection: np.ndarray
    weights: np.ndarray
    classes: np.ndarray

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Returns the labels ``[B]`` of images ``[B, H, W, C]`` in [0, 1]."""
        scores = _features(images, self.mean, self.projection) @ self.weights
        found: np.ndarray = self.classes[scores.argmax(axis=1)]
        return found


def fit_quick_classifier(dataset: Dataset) -> QuickClassifier | None:
    """Fits the classifier to up to 20,000 training images, in a few seconds.

    Returns:
      The classifier; None if the images have fewer than two classes or more than 256, or if they
      are larger than 64 x 64 pixels in colour.
    """
    images = dataset.train.images
    rows = evenly_spaced(len(images), _IMAGES)
    classes, labels = np.unique(dataset.train.labels[rows], return_inverse=True)
    values = int(np.prod(images.shape[1:]))
    if not 2 <= len(classes) <= _MOST_CLASSES or values > _MOST_VALUES:
        return None
    blocks = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
    sums = [
        scale_numpy(np.asarray(images[block])).sum(axis=0, dtype=np.float64) for block in blocks
    ]
    mean = (np.sum(sums, axis=0) / len(rows)).astype(np.float32).ravel()
    random = np.random.default_rng(_SEED)
    projection = random.standard_normal((values, _FEATURES), np.float32)
    gram = np.zeros((_FEATURES + 1, _FEATURES + 1))
    targets = np.zeros((_FEATURES + 1, len(classes)))
    for start, block in zip(range(0, len(rows), _BLOCK), blocks, strict=True):
        features = _features(scale_numpy(np.asarray(images[block])), mean, projection)
        one_hot = np.eye(len(classes), dtype=np.float32)[labels[start : start + _BLOCK]]
        gram += features.T @ features
        targets += features.T @ one_hot
    ridge = _RIDGE * np.trace(gram) / len(gram)
    weights = np.linalg.solve(gram + ridge * np.eye(len(gram)), targets)
    return QuickClassifier(mean, projection, weights.astype(np.float32), classes)


def _features(images: np.ndarray, mean: np.ndarray, projection: np.ndarray) -> np.ndarray:
    """Returns rectified random projections and a constant, float32 ``[B, F + 1]``."""
    flat = images.reshape(len(images), -1).astype(np.float32) - mean
    projected = np.maximum(flat @ projection, 0.0)
    return np.concatenate([projected, np.ones((len(flat), 1), np.float32)], axis=1)
