"""Max pooling over disjoint windows."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

from aedenoise.ops.named import MAX_POOL, NAMED


def max_pool(image: Array, window: int, *, lowering: str = "plain") -> Array:
    """Computes the maximum of each ``window x window`` block: ``[B, H, W, C] -> [B, H/w, W/w, C]``.

    Values equal ``flax.linen.max_pool`` with equal window and strides. Written as maxima of
    slices because the gradient of ``reduce_window`` (select-and-scatter) is slow on CPU and
    has no deterministic form on GPU. At a tie the gradient goes to the first maximum, as there.

    Raises:
      ValueError: if height or width is not divisible by ``window``.
    """
    _, height, width, _ = image.shape
    if height % window or width % window:
        raise ValueError(f"{height} x {width} pixels cannot be cut into blocks of {window}")
    if lowering == NAMED:
        whole: Array = lax.composite(_pool, MAX_POOL)(image, window=window)
        return whole
    return _pool(image, window=window)


def _pool(image: Array, *, window: int) -> Array:
    batch, height, width, channels = image.shape
    blocks = image.reshape(batch, height // window, window, width // window, window, channels)
    pooled = blocks[:, :, 0, :, 0]
    for row in range(window):
        for column in range(window):
            if row or column:
                place = blocks[:, :, row, :, column]
                # Strictly larger, so that the first of equal maxima wins; NaN propagates.
                larger = (place > pooled) | jnp.isnan(place)
                pooled = jnp.where(larger, place, pooled)
    return pooled
