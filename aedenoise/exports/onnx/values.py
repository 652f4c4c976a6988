"""Values of a translation: tensors whose axes may lie in another order than JAX's.

JAX computes on NHWC images, ONNX on NCHW. A transposition changes only a note about the order of
the axes, and takes place where an operation needs another order: between two convolutions, none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jax.core import ShapedArray

from aedenoise.exports.onnx.graph import Graph

Order = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """A tensor, or a constant that is not in the graph yet.

    Attributes:
      shape: shape in JAX's order; symbolic where known at run time only.
      dtype: its type.
      name: tensor of the graph; empty for a constant.
      order: axis k of JAX's array is axis ``order[k]`` of the tensor.
      array: content of a constant, in JAX's order.
      whole: if False, the tensor has length 1 along some axes and is to be broadcast to ``shape``.
    """

    shape: tuple[Any, ...]
    dtype: Any
    name: str = ""
    order: Order = ()
    array: np.ndarray | None = None
    whole: bool = True


def shaped(variable: Any) -> ShapedArray:
    """Returns shape and type of a variable of a trace, whose class JAX leaves open."""
    found: ShapedArray = variable.aval
    return found


def straight(rank: int) -> Order:
    """Returns the order of JAX itself."""
    return tuple(range(rank))


def inverse(order: Sequence[int]) -> Order:
    """Returns the permutation that undoes ``order``."""
    return tuple(int(axis) for axis in np.argsort(order))


def constant(array: Any) -> Value:
    """Makes the value of a constant."""
    found = np.asarray(array)
    return Value(found.shape, found.dtype, array=found)


def tensor(name: str, shape: Sequence[Any], dtype: Any, order: Order | None = None) -> Value:
    """Makes the value of a whole tensor of the graph."""
    rank = len(shape)
    return Value(tuple(shape), np.dtype(dtype), name, straight(rank) if order is None else order)


def spread(graph: Graph, value: Value) -> Value:
    """Broadcasts a tensor to its whole shape."""
    if value.whole:
        return value
    name = graph.add("Expand", arranged(graph, value, None), graph.sizes(value.shape))
    return tensor(name, value.shape, value.dtype)


def arranged(graph: Graph, value: Value, axes: Sequence[int] | None) -> str:
    """Returns the name of a tensor whose axis k is JAX's axis ``axes[k]``; None: JAX's order.

    Axes of a value that is not whole keep their length.
    """
    axes = straight(len(value.shape)) if axes is None else tuple(axes)
    if value.array is not None:
        return graph.constant(value.array.transpose(axes))
    order = tuple(value.order[axis] for axis in axes)
    if order == straight(len(order)):
        return value.name
    return graph.add("Transpose", value.name, perm=order)


def in_order(graph: Graph, value: Value) -> str:
    """Returns the name of the whole tensor in JAX's order."""
    return arranged(graph, spread(graph, value), None)
