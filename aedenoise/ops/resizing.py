"""Upsampling by an integer factor without parameters."""

from __future__ import annotations

import jax
from jax import Array


def upsample(image: Array, factor: int, method: str) -> Array:
    """``[B, H, W, C] -> [B, factor H, factor W, C]`` by ``jax.image.resize``.

    ``method`` is ``nearest`` (each pixel becomes a block) or ``bilinear`` (half-pixel centres,
    edges repeated).
    """
    batch, height, width, channels = image.shape
    shape = (batch, height * factor, width * factor, channels)
    resized: Array = jax.image.resize(image, shape, method)
    return resized
