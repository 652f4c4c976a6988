"""Conformal scale of prediction intervals and conformal bounds, with a finite-sample guarantee."""

from __future__ import annotations

import numpy as np


def conformal_scale(ratios: np.ndarray, coverage: float) -> float:
    """Returns the factor by which intervals must be scaled to reach a coverage.

    If the images and a new one are exchangeable, the expected share of values of the new image
    inside of its intervals is at least ``coverage``, whatever the network and the sizes of the
    intervals (conformal risk control, Angelopoulos et al. 2022, arXiv:2208.02814; for images
    arXiv:2202.05265). The loss of an image is its share of values outside. The factor is the
    smallest at which the mean loss of n images is at most ``((n + 1) miss - 1) / n``: as if the new
    image lay outside entirely.

    Args:
      ratios: error by interval size, at least 0, ``[N, ...]`` for N images.
      coverage: share of values that intervals must contain, in (0, 1).

    Raises:
      ValueError: if the images are too few for this coverage at any factor.
    """
    count = len(ratios)
    miss = 1.0 - coverage
    if count < least_images(coverage):
        raise ValueError(
            f"{count} images cannot calibrate intervals of {coverage:.0%}; use at least "
            f"{least_images(coverage)}"
        )
    flat = np.sort(ratios, axis=None)
    # Rounded down, up to the error of float arithmetic.
    outside = int(flat.size * ((count + 1) * miss - 1.0) / count + 1e-6)
    return float(flat[flat.size - 1 - outside])


def conformal_bound(values: np.ndarray, coverage: float) -> float:
    """Returns the bound that a new value does not exceed with a probability of ``coverage``.

    It is the ``ceil((n + 1) coverage)``-th smallest of the n values, if they and the new one are
    exchangeable (split conformal prediction, Papadopoulos et al. 2002).

    Args:
      values: float ``[n]``; infinity is allowed.
      coverage: probability in (0, 1).

    Returns:
      The bound; infinity if the values are too few for this coverage.
    """
    rank = int(np.ceil((len(values) + 1) * coverage - 1e-9))
    return float(np.sort(values)[rank - 1]) if rank <= len(values) else float("inf")


def least_images(coverage: float) -> int:
    """Returns the number of images below which no factor has a guarantee."""
    return int(np.ceil(1.0 / (1.0 - coverage) - 1.0 - 1e-9))
