"""Kernels divided by their largest singular value (Miyato et al. 2018), as functions on trees."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.training.digests import named_leaves

Params = Any
# Of each kernel, by its path, an estimate of the left singular vector, [outputs].
Vectors = dict[str, Array]
_LEAST = 1e-12


def first_vectors(key: Array, params: Params) -> Vectors:
    """A random unit vector for each kernel (whatever has two axes or more) of ``params``."""
    kernels = {name: leaf for name, leaf in named_leaves(params).items() if leaf.ndim > 1}
    keys = jax.random.split(key, max(1, len(kernels)))
    return {
        name: _unit(jax.random.normal(one, (leaf.shape[-1],)))
        for one, (name, leaf) in zip(keys, kernels.items(), strict=True)
    }


def normalized(params: Params, vectors: Vectors) -> tuple[Params, Vectors]:
    """``params`` with each kernel, as a matrix of outputs by all else, divided by its spectral
    norm; and the vectors after one more step of the power iteration, with which it is estimated.

    No gradient passes through the iteration, only through the norm itself.
    """
    found, following = [], {}
    for name, leaf in named_leaves(params).items():
        if name not in vectors:
            found.append(leaf)
            continue
        matrix = leaf.reshape(-1, leaf.shape[-1])
        fixed = jax.lax.stop_gradient(matrix)
        with jax.default_matmul_precision("float32"):
            right = _unit(fixed @ vectors[name])
            left = _unit(fixed.T @ right)
            norm = right @ matrix @ left
        found.append(leaf / jnp.maximum(norm, _LEAST))
        following[name] = left
    return jax.tree.unflatten(jax.tree.structure(params), found), following


def _unit(vector: Array) -> Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector), _LEAST)
