"""Projections of codes to two dimensions. The only module that uses scikit-learn."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

_PERPLEXITY = 30.0
# Components kept for t-SNE; others are mostly noise (van der Maaten and Hinton 2008).
_BEFORE_TSNE = 50


def principal(rows: np.ndarray) -> np.ndarray:
    """Computes the first two principal components of rows ``[N, F]``, ``[N, 2]``.

    A single feature is centred and padded with zeros.
    """
    if rows.shape[1] < 2:
        return np.pad(rows - rows.mean(axis=0), ((0, 0), (0, 2 - rows.shape[1])))
    projected: np.ndarray = PCA(2, random_state=0).fit_transform(rows)
    return projected


def neighbours(rows: np.ndarray) -> np.ndarray:
    """Computes t-SNE (van der Maaten and Hinton 2008) of rows ``[N, F]``, ``[N, 2]``.

    Neighbours stay close; distances between groups are meaningless.
    """
    count = min(*rows.shape, _BEFORE_TSNE)
    reduced = PCA(count, random_state=0).fit_transform(rows)
    # scikit-learn requires a perplexity below the number of rows.
    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 4)
    start = principal(reduced)
    # scikit-learn's own PCA initialisation, with its small scale, extended to one feature.
    start = 1e-4 * start / max(float(start[:, 0].std()), 1e-12)
    projected: np.ndarray = TSNE(
        2, perplexity=perplexity, init=start, random_state=0
    ).fit_transform(reduced)
    return projected
