"""Unpooling without weights: to the corner of each block, or to argmax indices."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax

from aedenoise.ops.pooling import max_pool


def unpool(image: Array, factor: int) -> Array:
    """Puts each value in the first corner of a block of zeros, ``[B, f H, f W, C]``."""
    side = (0, factor - 1, factor - 1)
    return lax.pad(image, jnp.zeros((), image.dtype), ((0, 0, 0), side, side, (0, 0, 0)))


def max_pool_argmax(image: Array, window: int) -> tuple[Array, Array]:
    """Returns the maximum of each ``window x window`` block, and its position.

    Sides need not be divisible by ``window``: incomplete blocks at the end are dropped, as in
    PyTorch's ``MaxPool2d``.

    Returns:
      ``[B, H // w, W // w, C]``, and bool ``[B, H, W, C]`` with one True per block and channel:
      the first of equal maxima, row by row.
    """
    batch, height, width, channels = image.shape
    rows, columns = height // window, width // window
    if not rows or not columns:
        raise ValueError(f"{height} x {width} pixels hold no block of {window} x {window}")
    kept = image[:, : rows * window, : columns * window]
    blocks = kept.reshape(batch, rows, window, columns, window, channels)
    flat = jnp.transpose(blocks, (0, 1, 3, 5, 2, 4)).reshape(batch, rows, columns, channels, -1)
    first = jax.nn.one_hot(jnp.argmax(flat, axis=-1), window**2, dtype=jnp.bool_)
    square = first.reshape(batch, rows, columns, channels, window, window)
    argmax = jnp.transpose(square, (0, 1, 4, 2, 5, 3)).reshape(kept.shape)
    over = ((0, 0), (0, height - rows * window), (0, width - columns * window), (0, 0))
    return max_pool(kept, window), jnp.pad(argmax, over)


def max_unpool(image: Array, argmax: Array, window: int) -> Array:
    """Puts each value at the argmax of its block, zeros elsewhere (Zeiler & Fergus 2014).

    Args:
      image: ``[B, H // w, W // w, C]``.
      argmax: bool ``[B, H, W, C]`` from ``max_pool_argmax``.

    Returns:
      ``[B, H, W, C]``.

    Raises:
      ValueError: if the shapes do not belong together.
    """
    batch, height, width, channels = argmax.shape
    if image.shape != (batch, height // window, width // window, channels):
        raise ValueError(f"{image.shape} was not pooled from {argmax.shape} by {window}")
    repeated = jnp.repeat(jnp.repeat(image, window, axis=1), window, axis=2)
    over = ((0, 0), (0, height - repeated.shape[1]), (0, width - repeated.shape[2]), (0, 0))
    return jnp.where(argmax, jnp.pad(repeated, over), jnp.zeros((), image.dtype))
