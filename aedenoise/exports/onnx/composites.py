"""Rules for the named operations of ``ops`` that ONNX has as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
from jax.extend.core import JaxprEqn

from aedenoise.exports.onnx.elementwise import Rule
from aedenoise.exports.onnx.graph import Graph
from aedenoise.exports.onnx.values import Value, arranged, inverse, shaped, spread, tensor
from aedenoise.ops.named import MAX_POOL, UPSAMPLE

# Axes of ONNX's images among JAX's: NCHW of NHWC.
_CHANNELS_FIRST = (0, 3, 1, 2)
_MODES: dict[str, dict[str, Any]] = {
    "nearest": {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    },
    "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
    # Keys's kernel, with the weights of existing pixels scaled to sum to one.
    "bicubic": {
        "mode": "cubic",
        "coordinate_transformation_mode": "half_pixel",
        "cubic_coeff_a": -0.5,
        "exclude_outside": 1,
    },
}


def _upsample(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    given = _attributes(equation)
    name = arranged(graph, spread(graph, inputs[0]), _CHANNELS_FIRST)
    factor = float(given["factor"])
    scales = graph.constant(np.asarray([1.0, 1.0, factor, factor], np.float32))
    return _image(equation, graph.add("Resize", name, "", scales, **_MODES[given["method"]]))


def _max_pool(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    window = [int(_attributes(equation)["window"])] * 2
    name = arranged(graph, spread(graph, inputs[0]), _CHANNELS_FIRST)
    return _image(equation, graph.add("MaxPool", name, kernel_shape=window, strides=window))


def _image(equation: JaxprEqn, name: str) -> Value:
    aval = shaped(equation.outvars[0])
    return tensor(name, aval.shape, aval.dtype, inverse(_CHANNELS_FIRST))


def _attributes(equation: JaxprEqn) -> dict[str, Any]:
    # JAX keeps each attribute as its leaves and their tree.
    return {name: leaves[0] for name, leaves, _ in equation.params["attributes"]}


COMPOSITES: dict[str, Rule] = {UPSAMPLE: _upsample, MAX_POOL: _max_pool}
