"""Encoders: from an image ``[B, H, W, C]`` to a code ``[B, H/d, W/d, F]``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise import ops
from aedenoise.models.initializers import kernel_initializer
from aedenoise.models.layers import Convolution


class Encoding(NamedTuple):
    """A code, with the maps of the encoder that a decoder reads in addition.

    Attributes:
      code: ``[B, h, w, F]``.
      argmax: bool ``[B, H, W, F]`` for each stage, at the resolution before pooling: True at the
        maximum of each block. Empty unless the decoder unpools to them.
      skips: ``[B, H, W, F]`` for each stage, the map before pooling. Empty without skip
        connections.
    """

    code: Array
    argmax: tuple[Array, ...] = ()
    skips: tuple[Array, ...] = ()


def constant_code(code: Array | Encoding, stride: int) -> Array | Encoding:
    """Returns a spatially constant code, the mean over examples and pixels, ``[1, h, w, F]``. The
    skip connections of an ``Encoding`` become constant as well, and its argmax indices the first
    pixel of each block, as for a constant image."""
    if not isinstance(code, Encoding):
        return _constant(code)
    return Encoding(
        _constant(code.code),
        tuple(_first_of_blocks(each, stride) for each in code.argmax),
        tuple(_constant(each) for each in code.skips),
    )


def _constant(values: Array) -> Array:
    mean = jnp.mean(values, axis=(0, 1, 2), keepdims=True)
    return jnp.broadcast_to(mean, (1, *values.shape[1:]))


def _first_of_blocks(argmax: Array, stride: int) -> Array:
    _, height, width, _ = argmax.shape
    rows, columns = (np.arange(n) for n in (height, width))
    first = np.outer(
        (rows % stride == 0) & (rows < height // stride * stride),
        (columns % stride == 0) & (columns < width // stride * stride),
    )
    return jnp.broadcast_to(first[None, :, :, None], (1, *argmax.shape[1:]))


class Encoder(nn.Module):
    """Stages of 3x3 convolutions with ReLU, and max pooling (Chollet 2016; keras.io 2021).

    Attributes:
      features: channels of each stage.
      stride: side of the pooling windows; each stage divides height and width by it.
      lowering, precision: see ``ops.convolutions`` and ``Convolution``.
      keep_argmax: return an ``Encoding`` with argmax indices; then sides need not be divisible by
        the strides.
      keep_skips: return an ``Encoding`` with the maps before pooling.
      convs: convolutions of a stage.
      initializer: see ``ModelConfig``.
    """

    features: Sequence[int] = (32, 32)
    stride: int = 2
    lowering: str = "auto"
    precision: str = "float32"
    keep_argmax: bool = False
    keep_skips: bool = False
    convs: int = 1
    initializer: str = "he"

    @nn.compact
    def __call__(self, image: Array) -> Array | Encoding:
        x, argmax, skips = image, [], []
        for stage, features in enumerate(self.features):
            *first, last = stage_names(stage, self.convs)
            for name in first:
                x = self._layer(features, self._conv(relu=True), name)(x)
            if not (self.keep_argmax or self.keep_skips):
                pooling = partial(ops.conv_pool_relu, window=self.stride, lowering=self.lowering)
                x = self._layer(features, pooling, last)(x)
                continue
            # ReLU and maximum commute; after the pooling it touches fewer values.
            x = self._layer(features, self._conv(relu=self.keep_skips), last)(x)
            skips.append(x)
            if self.keep_argmax:
                x, found = ops.max_pool_argmax(x, self.stride)
                argmax.append(found)
            else:
                x = ops.max_pool(x, self.stride, lowering=self.lowering)
            x = x if self.keep_skips else jax.nn.relu(x)
        if self.keep_argmax or self.keep_skips:
            return Encoding(x, tuple(argmax), tuple(skips) if self.keep_skips else ())
        return x

    def _conv(self, *, relu: bool) -> Callable[..., Array]:
        return partial(ops.conv, relu=relu, lowering=self.lowering)

    def _layer(self, features: int, operation: Callable[..., Array], name: str) -> Convolution:
        kernel_init = kernel_initializer(self.initializer)
        return Convolution(features, 3, operation, kernel_init, self.precision, name=name)


class PlainEncoder(Encoder):
    """Stages of 3x3 convolutions with ReLU, without pooling: a network without a bottleneck, as
    DnCNN (Zhang et al. 2017) without its normalisation. Its code is a map of the image's size."""

    @nn.compact
    def __call__(self, image: Array) -> Array:
        x = image
        for stage, features in enumerate(self.features):
            for name in stage_names(stage, self.convs):
                x = self._layer(features, self._conv(relu=True), name)(x)
        return x


def stage_names(stage: int, convs: int, first: str = "conv") -> list[str]:
    """Returns the names of a stage's convolutions: ``conv0``, ``conv0_1``, ``conv0_2``."""
    return [f"{first}{stage}"] + [f"conv{stage}_{number}" for number in range(1, convs)]
