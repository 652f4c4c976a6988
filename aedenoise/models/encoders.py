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
    """A code, and the argmax of each pooling.

    Attributes:
      code: ``[B, h, w, F]``.
      argmax: bool ``[B, H, W, F]`` for each stage, at the resolution before pooling: True at the
        maximum of each block.
    """

    code: Array
    argmax: tuple[Array, ...]


def constant_code(code: Array | PooledCode, stride: int) -> Array | PooledCode:
    """Returns a spatially constant code, the mean over examples and pixels, ``[1, h, w, F]``. The
    argmax indices of a ``PooledCode`` become the first pixel of each block, as for a constant
    image."""
    if isinstance(code, PooledCode):
        mean = constant_code(code.code, stride)
        assert isinstance(mean, Array)
        return PooledCode(mean, tuple(_first_of_blocks(each, stride) for each in code.argmax))
    mean = jnp.mean(code, axis=(0, 1, 2), keepdims=True)
    return jnp.broadcast_to(mean, (1, *code.shape[1:]))


def _first_of_blocks(argmax: Array, stride: int) -> Array:
    _, height, width, _ = argmax.shape
    rows, columns = (np.arange(n) for n in (height, width))
    first = np.outer(
        (rows % stride == 0) & (rows < height // stride * stride),
        (columns % stride == 0) & (columns < width // stride * stride),
    )
    return jnp.broadcast_to(first[None, :, :, None], (1, *argmax.shape[1:]))


class Encoder(nn.Module):
    """Stages of 3x3 convolution, ReLU and max pooling (Chollet 2016; keras.io 2021).

    Attributes:
      features: channels of each stage.
      stride: side of the pooling windows; each stage divides height and width by it.
      lowering, precision: see ``ops.convolutions`` and ``Convolution``.
      keep_argmax: return ``PooledCode``; then sides need not be divisible by the strides.
      initializer: ``he`` or ``glorot``, see ``ModelConfig``.
    """

    features: Sequence[int] = (32, 32)
    stride: int = 2
    lowering: str = "auto"
    precision: str = "float32"
    keep_argmax: bool = False
    initializer: str = "he"

    @nn.compact
    def __call__(self, image: Array) -> Array | PooledCode:
        if self.keep_argmax:
            return self._with_argmax(image)
        operation = partial(ops.conv_pool_relu, window=self.stride, lowering=self.lowering)
        x = image
        for stage, features in enumerate(self.features):
            x = self._layer(features, operation, stage)(x)
        return x

    def _with_argmax(self, image: Array) -> PooledCode:
        operation = partial(ops.conv, lowering=self.lowering)
        x, found = image, []
        for stage, features in enumerate(self.features):
            convolved = self._layer(features, operation, stage)(x)
            # ReLU and maximum commute; after the pooling it touches fewer values.
            pooled, argmax = ops.max_pool_argmax(convolved, self.stride)
            x = jax.nn.relu(pooled)
            found.append(argmax)
        return PooledCode(x, tuple(found))

    def _layer(
        self, features: int, operation: Callable[[Array, Array, Array], Array], stage: int
    ) -> Convolution:
        kernel_init = kernel_initializer(self.initializer)
        return Convolution(features, 3, operation, kernel_init, self.precision, name=f"conv{stage}")
