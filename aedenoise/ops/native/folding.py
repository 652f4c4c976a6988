"""Batches of several networks under ``jax.vmap``: the mapped axis becomes part of the next one.

The kernels take weights with an axis of networks in front, and a batch with equal shares of each.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array


def folded(array: Array, times: int, mapped: bool) -> Array:
    """Joins the mapped axis in front (of ``times``) with the next, repeating what is not mapped."""
    whole = array if mapped else jnp.broadcast_to(array, (times, *array.shape))
    return whole.reshape(times * whole.shape[1], *whole.shape[2:])


def folded_gate(gate: Array, times: int, mapped: bool) -> Array:
    """Folds a gate; an empty one stands for none, however often it is mapped."""
    return folded(gate, times, mapped) if gate.size else jnp.zeros((0,), gate.dtype)


def unfolded(array: Array, times: int) -> Array:
    """Splits the mapped axis off again."""
    return array.reshape(times, array.shape[0] // times, *array.shape[1:])
