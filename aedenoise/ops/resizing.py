"""Upsampling by an integer factor: resizing, pixel shuffling; sums of channels."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax

from aedenoise.ops.named import NAMED, UPSAMPLE


def upsample(image: Array, factor: int, method: str, *, lowering: str = "plain") -> Array:
    """Upsamples ``[B, H, W, C] -> [B, factor H, factor W, C]`` by ``jax.image.resize``.

    ``method`` is ``nearest`` (each pixel becomes a block), ``bilinear`` or ``bicubic`` (Keys 1981,
    a = -1/2); half-pixel centres; at the border the weights of existing pixels are scaled to sum
    to one.
    """
    if lowering == NAMED:
        whole: Array = lax.composite(_resize, UPSAMPLE)(image, factor=factor, method=method)
        return whole
    return _resize(image, factor=factor, method=method)


def _resize(image: Array, *, factor: int, method: str) -> Array:
    batch, height, width, channels = image.shape
    shape = (batch, height * factor, width * factor, channels)
    resized: Array = jax.image.resize(image, shape, method)
    return resized


def sum_channels(image: Array, group: int) -> Array:
    """Sums each ``group`` of consecutive channels: ``[B, H, W, C] -> [B, H, W, C / group]``.

    Before bilinear upsampling by s, with groups of ``s**2``, this is the bilinear additive
    upsampling of Wojna et al. (2017, "The Devil is in the Decoder"): they sum after it, which is
    the same since it is linear and treats channels alike, and costs ``s**2`` times more.

    Raises:
      ValueError: if the channels are not divisible by ``group``.
    """
    channels = image.shape[-1]
    if channels % group:
        raise ValueError(f"{channels} channels cannot be summed in groups of {group}")
    return jnp.sum(image.reshape(*image.shape[:-1], channels // group, group), axis=-1)


def depth_to_space(image: Array, factor: int) -> Array:
    """Shuffles ``[B, H, W, factor**2 C] -> [B, factor H, factor W, C]`` (Shi et al. 2016).

    Channel ``(factor p + q) C + c`` becomes channel c of the pixel in row p and column q of each
    block, as in ``tf.nn.depth_to_space``; PyTorch's ``PixelShuffle`` has ``factor**2 c`` in front.

    Raises:
      ValueError: if the channels are not divisible by ``factor**2``.
    """
    batch, height, width, channels = image.shape
    if channels % factor**2:
        raise ValueError(f"{channels} channels cannot fill blocks of {factor} x {factor} pixels")
    deep = image.reshape(batch, height, width, factor, factor, channels // factor**2)
    rows = jnp.transpose(deep, (0, 1, 3, 2, 4, 5))
    return rows.reshape(batch, height * factor, width * factor, channels // factor**2)
