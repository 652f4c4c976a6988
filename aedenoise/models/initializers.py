"""How kernels begin."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax.linen import initializers
from jax import Array


def he_normal(stride: int = 1) -> initializers.Initializer:
    """Kernels that keep the variance of ReLU activations (He et al. 2015).

    Under a transposed convolution of stride s only one in s^2 places of the spread-out input
    holds a value, so an output sums that many fewer products than the kernel's fan-in says;
    the variance is larger by that factor.
    """
    return initializers.variance_scaling(2.0 * stride**2, "fan_in", "truncated_normal")


def glorot() -> initializers.Initializer:
    """Even kernels of variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio 2010)."""
    return initializers.glorot_uniform()


def torch_kernel(fan: int) -> initializers.Initializer:
    """Even values up to ``1 / sqrt(fan)``, PyTorch's default for kernels and biases; ``fan`` is
    the number of weights that a value is summed over, as PyTorch counts them."""
    limit = fan**-0.5

    def init(key: Array, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None) -> Array:
        return jax.random.uniform(key, shape, dtype, -limit, limit)

    return init


# Biases are drawn like the kernels that they belong to.
torch_bias = torch_kernel


def kernel_initializer(name: str, stride: int = 1) -> initializers.Initializer:
    """What ``ModelConfig.initializer`` names; ``stride`` is that of a transposed convolution."""
    return glorot() if name == "glorot" else he_normal(stride)


def icnr(one: initializers.Initializer, stride: int) -> initializers.Initializer:
    """Kernels ``[k, k, C, stride**2 O]`` of which the ``stride**2`` that make one block are alike
    (Aitken et al. 2017), drawn by ``one``: the untrained layer is a convolution and a nearest
    enlargement."""

    def init(key: Array, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None) -> Array:
        *sides, features = shape
        return jnp.tile(one(key, (*sides, features // stride**2), dtype), stride**2)

    return init
