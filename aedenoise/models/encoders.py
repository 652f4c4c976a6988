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


class PooledCode(NamedTuple):
    """A code, and where each pool found its maxima.

    Attributes:
      code: ``[B, h, w, F]``.
      places: bool ``[B, H, W, F]`` of each stage, before its pool.
    """

    code: Array
    places: tuple[Array, ...]


def constant_code(code: Array | PooledCode, stride: int) -> Array | PooledCode:
    """One code that is the same everywhere: the mean over examples and places, ``[1, h, w, F]``.
    PooledCode maxima are put into the first place of each block, as of a constant image."""
    if isinstance(code, PooledCode):
        mean = constant_code(code.code, stride)
        assert isinstance(mean, Array)
        return PooledCode(mean, tuple(_first_places(places, stride) for places in code.places))
    mean = jnp.mean(code, axis=(0, 1, 2), keepdims=True)
    return jnp.broadcast_to(mean, (1, *code.shape[1:]))


def _first_places(places: Array, stride: int) -> Array:
    _, height, width, _ = places.shape
    rows, columns = (np.arange(n) for n in (height, width))
    first = np.outer(
        (rows % stride == 0) & (rows < height // stride * stride),
        (columns % stride == 0) & (columns < width // stride * stride),
    )
    return jnp.broadcast_to(first[None, :, :, None], (1, *places.shape[1:]))


class Encoder(nn.Module):
    """Stages of 3x3 convolution, ReLU and max pooling (Chollet 2016; keras.io 2021).

    Attributes:
      features: channels of each stage.
      stride: side of the pooling windows; each stage divides height and width by it.
      lowering, precision: see ``ops.convolutions`` and ``Convolution``.
      remember: return ``PooledCode``; then sides need not be divisible by the strides.
      initializer: ``he`` or ``glorot``, see ``ModelConfig``.
    """

    features: Sequence[int] = (32, 32)
    stride: int = 2
    lowering: str = "auto"
    precision: str = "float32"
    remember: bool = False
    initializer: str = "he"

    @nn.compact
    def __call__(self, image: Array) -> Array | PooledCode:
        if self.remember:
            return self._remembered(image)
        operation = partial(ops.conv_pool_relu, window=self.stride, lowering=self.lowering)
        x = image
        for stage, features in enumerate(self.features):
            x = self._layer(features, operation, stage)(x)
        return x

    def _remembered(self, image: Array) -> PooledCode:
        operation = partial(ops.conv, lowering=self.lowering)
        x, found = image, []
        for stage, features in enumerate(self.features):
            convolved = self._layer(features, operation, stage)(x)
            # ReLU and maximum commute.
            pooled, places = ops.max_pool_argmax(convolved, self.stride)
            x = jax.nn.relu(pooled)
            found.append(places)
        return PooledCode(x, tuple(found))

    def _layer(
        self, features: int, operation: Callable[[Array, Array, Array], Array], stage: int
    ) -> Convolution:
        kernel_init = kernel_initializer(self.initializer)
        return Convolution(features, 3, operation, kernel_init, self.precision, name=f"conv{stage}")
