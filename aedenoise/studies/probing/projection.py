"""A code in two dimensions: the only home of scikit-learn."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

_PERPLEXITY = 30.0
# Further components are mostly noise, and cost time (van der Maaten and Hinton 2008).
_BEFORE_TSNE = 50


def principal(rows: np.ndarray) -> np.ndarray:
    """The first two principal components of rows ``[N, F]``: ``[N, 2]``; of one number, itself and
    zero."""
    if rows.shape[1] < 2:
        return np.pad(rows - rows.mean(axis=0), ((0, 0), (0, 2 - rows.shape[1])))
    projected: np.ndarray = PCA(2, random_state=0).fit_transform(rows)
    return projected


def neighbours(rows: np.ndarray) -> np.ndarray:
    """t-SNE (van der Maaten and Hinton 2008) of rows ``[N, F]``: ``[N, 2]``. Rows that are near to
    each other stay so; distances between groups mean nothing."""
    count = min(*rows.shape, _BEFORE_TSNE)
    reduced = PCA(count, random_state=0).fit_transform(rows)
    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 4)
    start = principal(reduced)
    start = 1e-4 * start / max(float(start[:, 0].std()), 1e-12)
    projected: np.ndarray = TSNE(
        2, perplexity=perplexity, init=start, random_state=0
    ).fit_transform(reduced)
    return projected
