"""Conversions between uint8 pixels, float32 in [0, 1], and logits; the only place that scales."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def scale(image: Array) -> Array:
    """Scales uint8 pixels to float32 in [0, 1], on the device."""
    # XLA compiles the division to a product with a rounded 1/255, which maps 255 just above 1.
    return jnp.minimum(image.astype(jnp.float32) / 255.0, 1.0)


def scale_numpy(image: np.ndarray) -> np.ndarray:
    """Scales pixels from 0 to 255 to float32 in [0, 1], on the host. uint8 is divided in float32,
    exactly rounded; means in float64 are rounded once, at the end."""
    values = image if image.dtype == np.float64 else image.astype(np.float32)
    return (values / values.dtype.type(255.0)).astype(np.float32, copy=False)


def to_image(logits: Array) -> Array:
    """Converts logits to an image in [0, 1] by the sigmoid."""
    return jax.nn.sigmoid(logits)
