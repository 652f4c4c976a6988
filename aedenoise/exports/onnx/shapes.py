"""Rules for operations that move, choose or join elements."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from jax.extend.core import JaxprEqn
from onnx import helper

from aedenoise.exports.onnx.elementwise import Rule
from aedenoise.exports.onnx.graph import Graph
from aedenoise.exports.onnx.values import (
    Value,
    arranged,
    constant,
    in_order,
    inverse,
    shaped,
    spread,
    straight,
    tensor,
)


def _reshape(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    aval = shaped(equation.outvars[0])
    if equation.params.get("dimensions") is not None:
        raise NotImplementedError("dimensions")
    name = graph.add("Reshape", in_order(graph, inputs[0]), graph.sizes(aval.shape))
    return tensor(name, aval.shape, aval.dtype)


def _squeeze(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    aval = shaped(equation.outvars[0])
    axes = graph.integers(*equation.params["dimensions"])
    name = graph.add("Squeeze", in_order(graph, inputs[0]), axes)
    return tensor(name, aval.shape, aval.dtype)


def _transpose(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    (value,) = inputs
    permutation = equation.params["permutation"]
    shape = shaped(equation.outvars[0]).shape
    if value.array is not None:
        return dataclasses.replace(value, shape=shape, array=value.array.transpose(permutation))
    order = tuple(value.order[axis] for axis in permutation)
    return dataclasses.replace(value, shape=shape, order=order)


def _broadcast(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    (value,) = inputs
    aval = shaped(equation.outvars[0])
    kept = equation.params["broadcast_dimensions"]
    new = [axis for axis in range(len(aval.shape)) if axis not in kept]
    same = value.whole and all(
        value.shape[kept.index(axis)] == size if axis in kept else size == 1
        for axis, size in enumerate(aval.shape)
    )
    if value.array is not None:
        array = np.expand_dims(value.array, tuple(new))
        return Value(aval.shape, aval.dtype, array=array, whole=same)
    name = arranged(graph, value, None)
    if new:
        name = graph.add("Unsqueeze", name, graph.integers(*new))
    # Most uses broadcast by themselves; the others call ``spread``.
    return dataclasses.replace(tensor(name, aval.shape, aval.dtype), whole=same)


def _slice(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    starts, ends = equation.params["start_indices"], equation.params["limit_indices"]
    steps = equation.params["strides"] or [1] * len(starts)
    return _cut(graph, inputs[0], starts, ends, steps, shaped(equation.outvars[0]))


def _cut(graph: Graph, value: Value, starts: Any, ends: Any, steps: Any, aval: Any) -> Value:
    value = spread(graph, value)
    chosen = [
        axis
        for axis, size in enumerate(value.shape)
        if not (starts[axis] == 0 and steps[axis] == 1 and ends[axis] == size)
    ]
    if not chosen:
        return value
    order = value.order or straight(len(value.shape))
    bounds = [graph.sizes([each[axis] for axis in chosen]) for each in (starts, ends)]
    axes = graph.integers(*(order[axis] for axis in chosen))
    by = graph.integers(*(steps[axis] for axis in chosen))
    name = graph.add("Slice", arranged(graph, value, inverse(order)), *bounds, axes, by)
    return tensor(name, aval.shape, aval.dtype, order)


def _concatenate(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    aval = shaped(equation.outvars[0])
    values = [spread(graph, value) for value in inputs]
    order = next(
        (value.order for value in values if value.array is None), straight(len(aval.shape))
    )
    names = [arranged(graph, value, inverse(order)) for value in values]
    name = graph.add("Concat", *names, axis=order[equation.params["dimension"]])
    return tensor(name, aval.shape, aval.dtype, order)


def _pad(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    value, filling = spread(graph, inputs[0]), in_order(graph, inputs[1])
    aval = shaped(equation.outvars[0])
    name, shape = in_order(graph, value), list(value.shape)
    before, after = [], []
    for axis, (low, high, inner) in enumerate(equation.params["padding_config"]):
        if inner:
            # Elements become blocks that begin with them.
            name = graph.add("Unsqueeze", name, graph.integers(axis + 1))
            pads = np.zeros((2, len(shape) + 1), np.int64)
            pads[1, axis + 1] = inner
            name = graph.add("Pad", name, graph.constant(pads.reshape(-1)), filling)
            shape[axis] = shape[axis] * (inner + 1)
            name = graph.add("Reshape", name, graph.sizes(shape))
        before.append(low)
        # The last block ends with padding, which JAX counts as part of ``high``.
        after.append(high - inner)
    if any(not isinstance(each, int) or each for each in (*before, *after)):
        name = graph.add("Pad", name, graph.sizes([*before, *after]), filling)
    return tensor(name, aval.shape, aval.dtype)


def _gather(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    value, indices = inputs
    aval = shaped(equation.outvars[0])
    numbers, sizes = equation.params["dimension_numbers"], equation.params["slice_sizes"]
    axes = numbers.start_index_map
    if numbers.operand_batching_dims:
        raise NotImplementedError("batches of indices")
    if len(indices.shape) == 1 and indices.array is not None:
        # A block at a fixed place, of which some axes are dropped.
        starts = [0] * len(value.shape)
        for axis, start in zip(axes, indices.array, strict=True):
            starts[axis] = int(start)
        ends = [start + size for start, size in zip(starts, sizes, strict=True)]
        block = _cut(graph, value, starts, ends, [1] * len(starts), _Like(sizes, aval.dtype))
        dropped = numbers.collapsed_slice_dims
        if not dropped:
            return block
        name = graph.add("Squeeze", in_order(graph, block), graph.integers(*dropped))
        return tensor(name, aval.shape, aval.dtype)
    whole = all(
        size == (1 if axis in axes else value.shape[axis]) for axis, size in enumerate(sizes)
    )
    rest = tuple(axis for axis in range(len(aval.shape)) if axis != axes[0])
    taken = numbers.collapsed_slice_dims == axes and numbers.offset_dims == rest
    if len(indices.shape) != 2 or len(axes) != 1 or not (whole and taken):
        raise NotImplementedError("indices of several axes")
    places = graph.add("Squeeze", in_order(graph, indices), graph.integers(1))
    name = graph.add("Gather", in_order(graph, value), places, axis=axes[0])
    return tensor(name, aval.shape, aval.dtype)


@dataclasses.dataclass(frozen=True)
class _Like:
    """Shape and type of an intermediate result."""

    shape: Any
    dtype: Any


def _iota(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    aval, axis = shaped(equation.outvars[0]), equation.params["dimension"]
    zero, one = (graph.constant(np.asarray(number, np.int64)) for number in (0, 1))
    count = graph.add("Squeeze", graph.size(aval.shape[axis]), graph.integers(0))
    name = graph.add("Range", zero, count, one)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(aval.dtype))
    name = graph.add("Cast", name, to=kind)
    others = [each for each in range(len(aval.shape)) if each != axis]
    if others:
        name = graph.add("Unsqueeze", name, graph.integers(*others))
    whole = all(aval.shape[each] == 1 for each in others)
    return dataclasses.replace(tensor(name, aval.shape, aval.dtype), whole=whole)


def _size(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    aval = shaped(equation.outvars[0])
    dim = equation.params["dim"]
    if isinstance(dim, int):
        return constant(np.asarray(dim, aval.dtype))
    name = graph.add("Squeeze", graph.size(dim), graph.integers(0))
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(aval.dtype))
    return tensor(graph.add("Cast", name, to=kind), aval.shape, aval.dtype)


SHAPES: dict[str, Rule] = {
    "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate,
    "dim_as_value": _size,
    "gather": _gather,
    "iota": _iota,
    "pad": _pad,
    "reshape": _reshape,
    "slice": _slice,
    "squeeze": _squeeze,
    "transpose": _transpose,
}
