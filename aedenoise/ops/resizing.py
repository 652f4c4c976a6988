"""Upsampling by an integer factor: resizing, additive resizing, pixel shuffling."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax

from aedenoise.ops.bilinear import enlarge_bilinear
from aedenoise.ops.named import NAMED, UPSAMPLE


def upsample(image: Array, factor: int, method: str, *, lowering: str = "plain") -> Array:
    """Upsamples ``[B, H, W, C] -> [B, factor H, factor W, C]`` by ``jax.image.resize``; with
    ``lowering="auto"``, on CPU, by a faster implementation of equal values.

    ``method`` is ``nearest`` (each pixel becomes a block), ``bilinear`` or ``bicubic`` (Keys 1981,
    a = -1/2); half-pixel centres; at the border the weights of existing pixels are scaled to sum
    to one.
    """
    if lowering == "auto" and method == "bilinear" and jax.default_backend() == "cpu":
        return enlarge_bilinear(image, factor)
    if lowering == NAMED:
        whole: Array = lax.composite(_resize, UPSAMPLE)(image, factor=factor, method=method)
        return whole
    return _resize(image, factor=factor, method=method)


def _resize(image: Array, *, factor: int, method: str) -> Array:
    batch, height, width, channels = image.shape
    shape = (batch, height * factor, width * factor, channels)
    resized: Array = jax.image.resize(image, shape, method)
    return resized


def bilinear_additive(image: Array, factor: int, *, lowering: str = "plain") -> Array:
    """Upsamples ``[B, H, W, C] -> [B, factor H, factor W, C / factor**2]`` bilinearly, then sums
    ``factor**2`` consecutive channels (Wojna et al. 2017, "The Devil is in the Decoder").

    Raises:
      ValueError: if the channels are not divisible by ``factor**2``.
    """
    channels, group = image.shape[-1], factor**2
    if channels % group:
        raise ValueError(f"{channels} channels cannot be summed in groups of {group}")
    enlarged = upsample(image, factor, "bilinear", lowering=lowering)
    return jnp.sum(enlarged.reshape(*enlarged.shape[:-1], channels // group, group), axis=-1)


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
