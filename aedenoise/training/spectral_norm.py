"""Spectral normalisation of kernels (Miyato et al. 2018), as functions on trees."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.training.digests import named_leaves

Params = Any
# Path of each kernel to the estimate of its left singular vector, [outputs].
Vectors = dict[str, Array]
# Guards divisions: a kernel may be zero, and then stays zero.
_LEAST = 1e-12


def first_vectors(key: Array, params: Params) -> Vectors:
    """Draws a random unit vector for each kernel of ``params`` (leaves of two axes or more)."""
    kernels = {name: leaf for name, leaf in named_leaves(params).items() if leaf.ndim > 1}
    keys = jax.random.split(key, max(1, len(kernels)))
    return {
        name: _unit(jax.random.normal(one, (leaf.shape[-1],)))
        for one, (name, leaf) in zip(keys, kernels.items(), strict=True)
    }


def normalized(params: Params, vectors: Vectors) -> tuple[Params, Vectors]:
    """Divides each kernel by its spectral norm, estimated by one step of power iteration.

    Kernels are taken as matrices, outputs by all other axes. No gradient passes through the
    iteration, only through the norm itself.

    Args:
      params: parameters of the network.
      vectors: estimates from the previous step; leaves without one are returned unchanged.

    Returns:
      The normalised parameters, and the new estimates.
    """
    found, following = [], {}
    for name, leaf in named_leaves(params).items():
        if name not in vectors:
            found.append(leaf)
            continue
        matrix = leaf.reshape(-1, leaf.shape[-1])
        fixed = jax.lax.stop_gradient(matrix)
        # TF32 or bfloat16 products would make the estimate of the norm too coarse.
        with jax.default_matmul_precision("float32"):
            right = _unit(fixed @ vectors[name])
            left = _unit(fixed.T @ right)
            norm = right @ matrix @ left
        found.append(leaf / jnp.maximum(norm, _LEAST))
        following[name] = left
    return jax.tree.unflatten(jax.tree.structure(params), found), following


def _unit(vector: Array) -> Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector), _LEAST)
