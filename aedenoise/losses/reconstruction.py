"""Per-example losses: ``(logits[B, H, W, C], target[B, H, W, C]) -> [B]``, means over pixels.

Logits are unbounded; their ``sigmoid`` is the image in [0, 1]. Targets are in [0, 1]. The caller
reduces over the batch.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import xlogy

from aedenoise.metrics import image_quality

Loss = Callable[[Array, Array], Array]


def bce(logits: Array, target: Array) -> Array:
    """Computes the binary cross-entropy in nats per pixel, without overflow at any logit.

    ``-t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)) = softplus(x) - t x``.
    """
    _check_same_shape(logits, target)
    return _pixel_mean(jax.nn.softplus(logits) - target * logits)


def mse(logits: Array, target: Array) -> Array:
    """Computes the mean squared error of ``sigmoid(logits)``, in squared [0, 1] units."""
    _check_same_shape(logits, target)
    return _pixel_mean(jnp.square(jax.nn.sigmoid(logits) - target))


def l1(logits: Array, target: Array) -> Array:
    """Computes the mean absolute error of ``sigmoid(logits)``, in units of the [0, 1] range."""
    _check_same_shape(logits, target)
    return _pixel_mean(jnp.abs(jax.nn.sigmoid(logits) - target))


def charbonnier(logits: Array, target: Array) -> Array:
    """Computes ``sqrt(error**2 + 1e-6) - 1e-3``, a smooth L1 loss (Charbonnier et al. 1994)."""
    _check_same_shape(logits, target)
    error = jax.nn.sigmoid(logits) - target
    return _pixel_mean(jnp.sqrt(jnp.square(error) + _CHARBONNIER**2) - _CHARBONNIER)


def ssim(logits: Array, target: Array) -> Array:
    """Computes ``1 - SSIM`` of ``sigmoid(logits)``, for images of at least 11 x 11 pixels."""
    return 1.0 - image_quality.ssim(jax.nn.sigmoid(logits), target)


def emphasized_bce(logits: Array, target: Array, corrupted: Array) -> Array:
    """Computes a binary cross-entropy in which uncorrupted pixels have half the weight.

    Vincent et al. 2010, section 4.2, with alpha 1 and beta 0.5. ``corrupted`` is bool
    ``[B, H, W, C]``.
    """
    _check_same_shape(logits, target)
    values = jax.nn.softplus(logits) - target * logits
    return _pixel_mean(jnp.where(corrupted, 1.0, 0.5) * values)


def bce_floor(target: Array) -> Array:
    """Computes the lowest cross-entropy that a prediction of ``target`` can reach, in nats.

    This is the entropy of its pixels: zero where every pixel is 0 or 1, up to log 2 for grey ones.
    """
    # xlogy is 0 at 0, where the product of 0 and log 0 would be NaN.
    return _pixel_mean(-xlogy(target, target) - xlogy(1.0 - target, 1.0 - target))


LOSSES: dict[str, Loss] = {
    "bce": bce,
    "mse": mse,
    "l1": l1,
    "charbonnier": charbonnier,
    "ssim": ssim,
}
# In units of the [0, 1] range: a quarter of an 8-bit grey level.
_CHARBONNIER = 1e-3


def _pixel_mean(values: Array) -> Array:
    return jnp.mean(values, axis=tuple(range(1, values.ndim)))


def _check_same_shape(a: Array, b: Array) -> None:
    if a.shape != b.shape:
        raise ValueError(f"shapes differ: {a.shape} and {b.shape}")
