"""Images as numbers: uint8 pixels, float32 in [0, 1], and logits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array


def scale(image: Array) -> Array:
    """uint8 pixels as float32 in [0, 1]."""
    # Compiled, the division is a product with a rounded 1/255, which takes 255 just above 1.
    return jnp.minimum(image.astype(jnp.float32) / 255.0, 1.0)


def to_image(logits: Array) -> Array:
    """The image in [0, 1] that logits stand for."""
    return jax.nn.sigmoid(logits)
