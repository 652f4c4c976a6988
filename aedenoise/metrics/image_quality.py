"""Per-image quality metrics: ``(image[B, H, W, C], reference[B, H, W, C]) -> [B]``.

Both images are float32 in units of the [0, 1] range (noisy images may exceed it). The caller sums
over a dataset and divides once at the end. Evaluation, console, page and studies read the table
``METRICS``: a metric is a function and a row here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import xlogy

# Caps PSNR at 100 dB; a perfect image would have infinity, which spoils every mean.
MSE_FLOOR = 1e-10
# Keras's epsilon: the cross-entropy of an image that is exactly 0 or 1 would be infinite.
BCE_EPSILON = 1e-7
# Window of Wang et al. 2004: 11 x 11 pixels.
SSIM_SIGMA = 1.5
SSIM_RADIUS = 5


def mse(image: Array, reference: Array) -> Array:
    """Returns the mean squared error over pixels and channels."""
    _check_same_shape(image, reference)
    return jnp.mean(jnp.square(image - reference), axis=(1, 2, 3))


def psnr(image: Array, reference: Array) -> Array:
    """Returns the peak signal-to-noise ratio in dB, for a peak of 1; at most 100."""
    return psnr_from_mse(mse(image, reference))


def psnr_from_mse(error: Array) -> Array:
    """Converts mean squared errors to PSNR in dB, for a peak of 1; at most 100."""
    return -10.0 * jnp.log10(jnp.maximum(error, MSE_FLOOR))


def bce(image: Array, reference: Array) -> Array:
    """Returns the binary cross-entropy in nats per pixel.

    The prediction in [0, 1] is clipped to [1e-7, 1 - 1e-7]. Where logits are known,
    ``losses.reconstruction.bce`` is exact.
    """
    _check_same_shape(image, reference)
    # The complement is clipped by itself: 1 - 1e-7 rounds to 1 - 1.2e-7 in float32.
    p, rest = (jnp.clip(share, BCE_EPSILON, 1.0) for share in (image, 1.0 - image))
    return jnp.mean(-xlogy(reference, p) - xlogy(1.0 - reference, rest), axis=(1, 2, 3))


def ssim(image: Array, reference: Array) -> Array:
    """Returns the structural similarity (Wang et al. 2004) for a range of 1, in [-1, 1].

    Gaussian window of sigma 1.5 over 11 x 11 pixels, population covariance, averaged over the
    pixels where the whole window fits: scikit-image's ``structural_similarity`` with
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
        # Variances below are differences of near-equal means: TF32 would drown them.
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
    """Returns the PSNR in dB of an error averaged over images, the other common definition."""
    return -10.0 * math.log10(max(mean_mse, MSE_FLOOR))


@dataclass(frozen=True, kw_only=True)
class Metric:
    """Image quality metric with its title and format for console, pages and tables.

    Exactly one of ``per_image`` and ``from_means`` is given.

    Attributes:
      name: key in ``results.json`` and column of ``cells.csv``.
      title: heading with unit, for pages and tables.
      column: console heading, at most 12 characters; None: ``title``.
      format: format specification of a value.
      better: ``higher`` or ``lower``.
      per_image: function ``(image, reference) -> [B]``.
      from_means: function of the split's means of the other metrics and of ``bce_floor``.
      in_studies: true if a comparison writes it for each cell.
      compared: true if a comparison reports its paired differences.
    """

    name: str
    title: str
    column: str | None = None
    format: str = ".4f"
    better: str = "higher"
    per_image: Callable[[Array, Array], Array] | None = None
    from_means: Callable[[Mapping[str, float]], float] | None = None
    in_studies: bool = True
    compared: bool = True

    def show(self, values: Mapping[str, float]) -> str:
        """Formats this metric's entry of ``values``; empty if an older file lacks it."""
        return f"{values[self.name]:{self.format}}" if self.name in values else ""


METRICS: tuple[Metric, ...] = (
    Metric(name="psnr", title="PSNR, dB", column="PSNR dB", format=".2f", per_image=psnr),
    Metric(
        name="psnr_of_mean_mse",
        title="PSNR of mean MSE, dB",
        column="of mean MSE",
        format=".2f",
        from_means=lambda means: psnr_of_mean(means["mse"]),
        compared=False,
    ),
    Metric(name="ssim", title="SSIM", per_image=ssim),
    Metric(name="mse", title="MSE", format=".5f", better="lower", per_image=mse, compared=False),
    # For the network's own output ``evaluation.evaluate`` replaces it with the exact one.
    Metric(name="bce", title="BCE, nats", column="BCE", better="lower", per_image=bce),
    Metric(
        name="bce_above_floor",
        title="BCE above its floor",
        column="above floor",
        better="lower",
        from_means=lambda means: means["bce"] - means["bce_floor"],
        in_studies=False,
        compared=False,
    ),
)


def _window_matrix(size: int) -> np.ndarray:
    """Returns the Gaussian blur along one axis as a matrix, float32 ``[size - 10, size]``."""
    # The window is separable: one product per axis.
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
