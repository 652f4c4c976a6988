"""Classification accuracy with its confidence interval, and the confusion table."""

from __future__ import annotations

from typing import Any

import numpy as np

from aedenoise.metrics.statistics import wilson_interval


def score(table: np.ndarray) -> dict[str, Any]:
    """Summarises the confusion table ``[K, K]`` as plain values for JSON.

    Returns:
      ``accuracy`` with its 95 % interval ``low`` and ``high``, the numbers of ``errors`` and
      ``images``, and the table itself as ``confusion``.
    """
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
    # One bincount over the pair (row, column) as a single index: no loop over K * K cells.
    flat = np.asarray(labels, np.int64) * classes + np.asarray(guesses, np.int64)
    return np.bincount(flat, minlength=classes**2).reshape(classes, classes)
