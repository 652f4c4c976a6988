"""Image quality per example: ``(image[B, H, W, C], reference[B, H, W, C]) -> [B]``.

Both images are float32 in units of the [0, 1] range (a noisy image may leave it). Sums over a
dataset are formed by the caller and divided once, at the end.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import xlog1py, xlogy

# A perfect image would have an infinite PSNR; below this error it counts as 100 dB.
MSE_FLOOR = 1e-10
# Keras's epsilon: the cross-entropy of an image that is exactly 0 or 1 would be infinite.
BCE_EPSILON = 1e-7
SSIM_SIGMA = 1.5
SSIM_RADIUS = 5


def mse(image: Array, reference: Array) -> Array:
    """Mean squared error over pixels and channels."""
    _check_same_shape(image, reference)
    return jnp.mean(jnp.square(image - reference), axis=(1, 2, 3))


def psnr(image: Array, reference: Array) -> Array:
    """Returns the peak signal-to-noise ratio in dB, for a peak of 1; at most 100."""
    return psnr_from_mse(mse(image, reference))


def psnr_from_mse(error: Array) -> Array:
    """Converts mean squared errors to PSNR in dB, for a peak of 1; at most 100."""
    return -10.0 * jnp.log10(jnp.maximum(error, MSE_FLOOR))


def bce(image: Array, reference: Array) -> Array:
    """Binary cross-entropy of a prediction in [0, 1], clipped to [1e-7, 1 - 1e-7], in nats
    per pixel. From logits, ``losses.bce`` is exact."""
    _check_same_shape(image, reference)
    p = jnp.clip(image, BCE_EPSILON, 1.0 - BCE_EPSILON)
    return jnp.mean(-xlogy(reference, p) - xlog1py(1.0 - reference, -p), axis=(1, 2, 3))


def ssim(image: Array, reference: Array) -> Array:
    """Structural similarity (Wang et al. 2004) for a range of 1, in [-1, 1].

    Gaussian window of sigma 1.5 over 11 x 11 pixels, population covariance, averaged over the
    places where the whole window fits: scikit-image's ``structural_similarity`` with
    ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1``.

    Raises:
      ValueError: if the shapes differ or a side is shorter than the window's 11 pixels.
    """
    _check_same_shape(image, reference)
    _, height, width, _ = image.shape
    if min(height, width) < 2 * SSIM_RADIUS + 1:
        raise ValueError(f"SSIM needs images of at least 11 x 11 pixels, not {height} x {width}")
    rows, columns = _window_matrix(height), _window_matrix(width)

    def blur(x: Array) -> Array:
        return jnp.einsum("ih,bhwc,jw->bijc", rows, x, columns, precision="highest")

    mean_x, mean_y = blur(image), blur(reference)
    var_x = blur(jnp.square(image)) - jnp.square(mean_x)
    var_y = blur(jnp.square(reference)) - jnp.square(mean_y)
    covariance = blur(image * reference) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    numerator = (2.0 * mean_x * mean_y + c1) * (2.0 * covariance + c2)
    denominator = (jnp.square(mean_x) + jnp.square(mean_y) + c1) * (var_x + var_y + c2)
    return jnp.mean(numerator / denominator, axis=(1, 2, 3))


def psnr_of_mean(mean_mse: float) -> float:
    """PSNR in dB of an already averaged error: the second common definition."""
    return -10.0 * math.log10(max(mean_mse, MSE_FLOOR))


def _window_matrix(size: int) -> np.ndarray:
    """Rows of shifted Gaussian weights, float32 ``[size - 10, size]``: the blur as a product."""
    offsets = np.arange(-SSIM_RADIUS, SSIM_RADIUS + 1)
    weights = np.exp(-0.5 * np.square(offsets / SSIM_SIGMA))
    weights /= weights.sum()
    matrix = np.zeros((size - 2 * SSIM_RADIUS, size), np.float32)
    for row in range(matrix.shape[0]):
        matrix[row, row : row + len(weights)] = weights
    return matrix


def _check_same_shape(a: Array, b: Array) -> None:
    if a.shape != b.shape:
        raise ValueError(f"shapes differ: {a.shape} and {b.shape}")
