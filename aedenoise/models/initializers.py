"""Initialisers of kernels and biases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax.linen import initializers
from jax import Array


def he_normal(stride: int = 1) -> initializers.Initializer:
    """Returns the initialiser that preserves the variance of ReLU activations (He et al. 2015).

    In a transposed convolution of stride s only one in s^2 pixels of the dilated input is
    non-zero, so an output sums s^2 times fewer products than the fan-in of the kernel; the
    variance of the kernel is larger by that factor.
    """
    return initializers.variance_scaling(2.0 * stride**2, "fan_in", "truncated_normal")


def glorot() -> initializers.Initializer:
    """Returns the uniform initialiser of variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio
    2010)."""
    return initializers.glorot_uniform()


@dataclass(frozen=True)
class TorchUniform:
    """The initialiser uniform in ``±1 / sqrt(fan_in)``, PyTorch's default for a kernel and its
    bias.

    Attributes:
      transposed: whether the kernel is that of a transposed convolution, whose fan-in PyTorch
        computes over the output channels.
    """

    transposed: bool = False

    def __call__(
        self, key: Array, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None
    ) -> Array:
        limit = self._limit(shape)
        return jax.random.uniform(key, shape, dtype, -limit, limit)

    def bias(self, kernel_shape: Sequence[int]) -> initializers.Initializer:
        """Returns the initialiser of the bias that belongs to a kernel ``[..., C, F]``."""
        limit = self._limit(kernel_shape)

        def init(
            key: Array, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None
        ) -> Array:
            return jax.random.uniform(key, shape, dtype, -limit, limit)

        return init

    def _limit(self, kernel_shape: Sequence[int]) -> float:
        *sides, inputs, outputs = kernel_shape
        return float(math.prod((*sides, outputs if self.transposed else inputs)) ** -0.5)


def kernel_initializer(name: str, stride: int = 1) -> initializers.Initializer:
    """Returns the initialiser of that name in ``ModelConfig.initializer``; ``stride`` is that of
    a transposed convolution."""
    if name == "torch":
        return TorchUniform(transposed=stride > 1)
    return glorot() if name == "glorot" else he_normal(stride)


def bias_initializer(
    kernel_init: initializers.Initializer, kernel_shape: Sequence[int]
) -> initializers.Initializer:
    """Returns the initialiser of the bias that belongs to a kernel: PyTorch's for its kernels,
    zeros for all others."""
    if isinstance(kernel_init, TorchUniform):
        return kernel_init.bias(kernel_shape)
    return initializers.zeros_init()


def shared(one: initializers.Initializer, terms: int) -> initializers.Initializer:
    """Returns the initialiser of each of ``terms`` kernels whose outputs are added: that of
    ``one``, with a variance ``terms`` times smaller."""

    def init(key: Array, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None) -> Array:
        kernel: Array = one(key, shape, dtype) * terms**-0.5
        return kernel

    return init


def icnr(one: initializers.Initializer, stride: int) -> initializers.Initializer:
    """Returns the ICNR initialiser (Aitken et al. 2017) of kernels ``[k, k, C, stride**2 O]``: the
    ``stride**2`` kernels of one block are equal, drawn by ``one``, so the untrained layer is a
    convolution and a nearest upsampling."""

    def init(key: Array, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None) -> Array:
        *sides, features = shape
        return jnp.tile(one(key, (*sides, features // stride**2), dtype), stride**2)

    return init
