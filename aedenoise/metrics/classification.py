"""How good a classifier is: accuracy, its interval, and what is taken for what. NumPy only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# Of the normal distribution, between whose quantiles lie 95 %.
_Z = 1.959963984540054


def score(table: np.ndarray) -> dict[str, Any]:
    """Accuracy, its 95 % interval and the numbers of errors and images of a confusion table
    ``[K, K]``, and the table, as plain values for JSON."""
    count, right = int(table.sum()), int(np.trace(table))
    low, high = wilson(right, count)
    return {
        "accuracy": right / count,
        "low": low,
        "high": high,
        "errors": count - right,
        "images": count,
        "confusion": table.astype(int).tolist(),
    }


def confusion(labels: np.ndarray, guesses: np.ndarray, classes: int) -> np.ndarray:
    """How many of each class (row) were taken for each class (column), int ``[K, K]``."""
    flat = np.asarray(labels, np.int64) * classes + np.asarray(guesses, np.int64)
    return np.bincount(flat, minlength=classes**2).reshape(classes, classes)


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of ``right`` in ``count`` (Wilson 1927)."""
    share, z2 = right / count, _Z**2 / count
    middle = (share + z2 / 2) / (1.0 + z2)
    reach = math.sqrt(z2 * (share * (1.0 - share) + z2 / 4)) / (1.0 + z2)
    return max(0.0, middle - reach), min(1.0, middle + reach)
