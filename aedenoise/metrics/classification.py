"""Accuracy of a classifier, its interval, and its confusion table."""

from __future__ import annotations

from typing import Any

import numpy as np

from aedenoise.metrics.statistics import wilson_interval


def score(table: np.ndarray) -> dict[str, Any]:
    """Returns accuracy, its 95 % interval, the numbers of errors and images, and the confusion
    table ``[K, K]`` itself, as plain values for JSON."""
    count, right = int(table.sum()), int(np.trace(table))
    low, high = wilson_interval(right, count)
    return {
        "accuracy": right / count,
        "low": low,
        "high": high,
        "errors": count - right,
        "images": count,
        "confusion": table.astype(int).tolist(),
    }


def confusion(labels: np.ndarray, guesses: np.ndarray, classes: int) -> np.ndarray:
    """Counts the images of each class (row) by their guessed class (column), int ``[K, K]``."""
    flat = np.asarray(labels, np.int64) * classes + np.asarray(guesses, np.int64)
    return np.bincount(flat, minlength=classes**2).reshape(classes, classes)
