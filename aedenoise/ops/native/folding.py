"""Kernel calls under ``jax.vmap``: the mapped axis becomes part of the next one.

The kernels take weights with an axis of networks in front, and a batch with equal shares of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

import jax.numpy as jnp
from jax import Array
from jax.custom_batching import custom_vmap


class Axis0(Enum):
    """Meaning of the first axis of an argument."""

    BATCH = "batch"  # of a gate, too, which may be empty: none, however often it is mapped
    NETWORKS = "networks"


def foldable(
    call: Callable[..., Sequence[Array]], axes: Sequence[Axis0], *, shared: bool
) -> Callable[..., tuple[Array, ...]]:
    """Makes a kernel call that ``jax.vmap`` turns into one longer call.

    Args:
      call: takes one array for each of ``axes``; all its results have networks or images in front.
      axes: meaning of the first axis of each array.
      shared: whether one network that is not mapped serves all of a mapped batch. Otherwise each
        mapped network has results of its own, such as gradients, even where weights are shared.
    """

    @custom_vmap
    def once(*arrays: Array) -> tuple[Array, ...]:
        return tuple(call(*arrays))

    @once.def_vmap
    def several(
        times: int, mapped: Sequence[bool], *arrays: Array
    ) -> tuple[tuple[Array, ...], tuple[bool, ...]]:
        each = list(zip(arrays, mapped, axes, strict=True))
        several_networks = not shared or any(
            is_mapped or len(array) > 1 for array, is_mapped, axis in each if axis is Axis0.NETWORKS
        )
        results = once(
            *(
                _folded(array, times, is_mapped)
                if axis is Axis0.BATCH or several_networks
                else array
                for array, is_mapped, axis in each
            )
        )
        return tuple(_unfolded(result, times) for result in results), (True,) * len(results)

    return once


def _folded(array: Array, times: int, mapped: bool) -> Array:
    """Joins the mapped axis in front (of ``times``) with the next, repeating what is not mapped."""
    if array.size == 0 and array.ndim - mapped == 1:
        return jnp.zeros((0,), array.dtype)  # no gate
    whole = array if mapped else jnp.broadcast_to(array, (times, *array.shape))
    return whole.reshape(times * whole.shape[1], *whole.shape[2:])


def _unfolded(array: Array, times: int) -> Array:
    return array.reshape(times, array.shape[0] // times, *array.shape[1:])
