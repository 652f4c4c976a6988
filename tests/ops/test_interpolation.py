"""The kernels' sparse weights of an interpolation against jax.image.resize."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from aedenoise.ops.interpolation import Interpolation, resampling


def dense(axis: Interpolation, size: int) -> np.ndarray:
    """Computes the matrix ``[places, size]`` of an interpolation."""
    weights = np.reshape(axis.weights, (len(axis.firsts), -1))
    matrix = np.zeros((len(axis.firsts), size))
    for row, first, taps in zip(matrix, axis.firsts, weights, strict=True):
        row[first : first + len(taps)] = taps
    return matrix


@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
def test_weights_are_those_of_resize(method: str, factor: int) -> None:
    for size in range(1, 9):
        axis = resampling((size, 1), factor, method).rows
        resized = jax.image.resize(np.eye(size, dtype=np.float32), (size * factor, size), method)
        np.testing.assert_allclose(dense(axis, size), resized, atol=1e-6)
