"""Rules for convolutions, products of matrices, and reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
from jax.extend.core import JaxprEqn
from onnx import helper

from aedenoise.exports.onnx.elementwise import Rule
from aedenoise.exports.onnx.graph import Graph
from aedenoise.exports.onnx.values import Value, arranged, in_order, inverse, shaped, spread, tensor


def _convolution(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    image, kernel = inputs
    given = equation.params
    numbers = given["dimension_numbers"]
    if kernel.array is None or given["batch_group_count"] != 1:
        raise NotImplementedError("a kernel that depends on the image")
    if not all(isinstance(pad, int) for pair in given["padding"] for pad in pair):
        raise NotImplementedError("padding that depends on the size")
    # Outputs, inputs, rows, columns.
    weights = kernel.array.transpose(numbers.rhs_spec)
    name = arranged(graph, spread(graph, image), numbers.lhs_spec)
    if all(factor == 1 for factor in given["lhs_dilation"]):
        before, after = zip(*given["padding"], strict=True)
        name = graph.add(
            "Conv",
            name,
            graph.constant(weights),
            strides=given["window_strides"],
            pads=(*before, *after),
            dilations=given["rhs_dilation"],
            group=given["feature_group_count"],
        )
    else:
        name = _transposed(graph, name, weights, given)
    aval = shaped(equation.outvars[0])
    return tensor(name, aval.shape, aval.dtype, inverse(numbers.out_spec))


def _transposed(graph: Graph, name: str, weights: np.ndarray, given: dict[str, Any]) -> str:
    """Adds a transposed convolution: to JAX, a convolution of an image with zeros in between."""
    plain = (*given["window_strides"], *given["rhs_dilation"], given["feature_group_count"])
    if any(factor != 1 for factor in plain):
        raise NotImplementedError("a transposed convolution with other strides")
    sides = weights.shape[2:]
    # JAX pads the image; ONNX cuts from the sum of all kernels, and appends what it does not cover.
    cuts = [
        (side - 1 - before, side - 1 - after)
        for side, (before, after) in zip(sides, given["padding"], strict=True)
    ]
    if any(before < 0 for before, _ in cuts):
        raise NotImplementedError("padding before a transposed convolution")
    turned = weights[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    return graph.add(
        "ConvTranspose",
        name,
        graph.constant(turned),
        strides=given["lhs_dilation"],
        pads=(*(before for before, _ in cuts), *(max(after, 0) for _, after in cuts)),
        output_padding=[max(-after, 0) for _, after in cuts],
    )


def _product(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    (left_sums, right_sums), (left_batch, _) = equation.params["dimension_numbers"]
    left, right = (spread(graph, value) for value in inputs)
    if left_batch or len(left_sums) != 1 or len(right.shape) != 2:
        raise NotImplementedError("a product of tensors")
    rest = [axis for axis in range(len(left.shape)) if axis != left_sums[0]]
    names = (
        arranged(graph, left, (*rest, left_sums[0])),
        arranged(graph, right, (right_sums[0], 1 - right_sums[0])),
    )
    aval = shaped(equation.outvars[0])
    return tensor(graph.add("MatMul", *names), aval.shape, aval.dtype)


def _sum(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    aval = shaped(equation.outvars[0])
    axes = graph.integers(*equation.params["axes"])
    name = graph.add("ReduceSum", in_order(graph, inputs[0]), axes, keepdims=0)
    return tensor(name, aval.shape, aval.dtype)


def _extreme(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    aval = shaped(equation.outvars[0])
    kind = {"reduce_max": "ReduceMax", "reduce_min": "ReduceMin"}[equation.primitive.name]
    name = graph.add(
        kind, in_order(graph, inputs[0]), axes=list(equation.params["axes"]), keepdims=0
    )
    return tensor(name, aval.shape, aval.dtype)


def _argmax(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    aval = shaped(equation.outvars[0])
    (axis,) = equation.params["axes"]
    # Of equal maxima both take the first.
    name = graph.add("ArgMax", in_order(graph, inputs[0]), axis=axis, keepdims=0)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(aval.dtype))
    return tensor(graph.add("Cast", name, to=kind), aval.shape, aval.dtype)


LINEAR: dict[str, Rule] = {
    "argmax": _argmax,
    "conv_general_dilated": _convolution,
    "dot_general": _product,
    "reduce_max": _extreme,
    "reduce_min": _extreme,
    "reduce_sum": _sum,
}
