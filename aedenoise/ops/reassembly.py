"""Upsampling and smoothing by weighted means of neighbouring pixels."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.ops.resizing import depth_to_space


def smooth(image: Array, side: int) -> Array:
    """Replaces each pixel by the mean of ``side x side`` pixels: ``[B, H, W, C]``.

    The pixel is in their middle; if ``side`` is even, one more row and column after it than before
    count. At the border the outermost pixels are repeated.
    """
    for axis in (1, 2):
        size = image.shape[axis]
        padded = _repeat_border(image, axis, (side - 1) // 2, side // 2)
        shifted = [_cut(padded, axis, start, size) for start in range(side)]
        image = sum(shifted[1:], shifted[0]) * (1.0 / side)
    return image


def reassemble(image: Array, logits: Array, factor: int) -> Array:
    """Upsamples by means of neighbours with given weights: ``[B, H, W, C] -> [B, f H, f W, C]``.

    Each output is the mean of the k x k input pixels around the one that it lies in, with the
    softmax of its own k x k ``logits`` as weights (Wang et al. 2019, "CARAFE: Content-aware
    reassembly of features"). At the border the outermost pixels are repeated.

    Args:
      image: float ``[B, H, W, C]``.
      logits: ``[B, H, W, f f k k]``, k odd: for each pixel of a block, row by row, the logits of
        its neighbours, row by row.
      factor: f.
    """
    batch, height, width, channels = image.shape
    count = logits.shape[-1] // factor**2
    side = math.isqrt(count)
    weights = jax.nn.softmax(logits.reshape(batch, height, width, factor**2, count), axis=-1)
    padded = image
    for axis in (1, 2):
        padded = _repeat_border(padded, axis, side // 2, side // 2)
    terms = []
    for number in range(count):
        row, column = divmod(number, side)
        neighbour = _cut(_cut(padded, 1, row, height), 2, column, width)
        terms.append(weights[..., number, None] * neighbour[:, :, :, None, :])
    blocks = sum(terms[1:], terms[0])
    return depth_to_space(blocks.reshape(batch, height, width, factor**2 * channels), factor)


def _repeat_border(image: Array, axis: int, before: int, after: int) -> Array:
    first = [_cut(image, axis, 0, 1)] * before
    last = [_cut(image, axis, image.shape[axis] - 1, 1)] * after
    return jnp.concatenate([*first, image, *last], axis=axis)


def _cut(image: Array, axis: int, start: int, size: int) -> Array:
    return jax.lax.slice_in_dim(image, start, start + size, axis=axis)
