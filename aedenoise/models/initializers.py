"""How kernels begin."""

from __future__ import annotations

from typing import Any

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


def icnr(stride: int) -> initializers.Initializer:
    """Kernels ``[k, k, C, stride**2 O]`` of which the ``stride**2`` that make one block are alike
    (Aitken et al. 2017): the untrained layer is a convolution and a nearest enlargement."""

    def init(key: Array, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None) -> Array:
        *sides, features = shape
        one = he_normal()(key, (*sides, features // stride**2), dtype)
        return jnp.tile(one, stride**2)

    return init
