"""ONNX files: a network as a graph of standard operations, and ONNX Runtime to run it."""

from __future__ import annotations

import os
from collections.abc import Callable

import jax
import numpy as np

from aedenoise.exports.forward import forward, input_shapes, output_shapes, symbolic_inputs
from aedenoise.exports.network import Network
from aedenoise.exports.onnx.graph import Graph, make_model
from aedenoise.exports.onnx.translate import translate
from aedenoise.exports.onnx.values import in_order, tensor
from aedenoise.ops.named import NAMED

_NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
# ONNX Runtime's level of messages from which on they are printed: errors.
_ERRORS = 3


def encode(network: Network) -> bytes:
    """Returns the file of a network, in float32 arithmetic.

    Raises:
      UsageError: if ONNX has no counterpart of an operation.
    """
    source = network.in_float32().source
    inputs, outputs = input_shapes(source), output_shapes(source)
    arguments = symbolic_inputs(source)
    traced = jax.jit(forward(source, NAMED)).trace(*arguments)
    graph = Graph()
    values = []
    for (name, shape), like in zip(inputs.items(), arguments, strict=True):
        for axis, size in enumerate(shape):
            if isinstance(size, str) and not graph.knows(size):
                graph.name_size(size, name, axis)
        values.append(tensor(name, like.shape, like.dtype))
    (result,) = translate(graph, traced.jaxpr, values)
    (output,) = outputs
    graph.output(in_order(graph, result), output)
    content: bytes = make_model(graph, inputs, outputs, network.facts).SerializeToString()
    return content


def load(content: bytes) -> Callable[..., np.ndarray]:
    """Returns the function of a file, computed by ONNX Runtime on the CPU."""
    # Otherwise importing it reports the use of this machine to its makers, and leaves a file.
    os.environ.setdefault(_NO_TELEMETRY, "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def run(*arrays: np.ndarray) -> np.ndarray:
        (found,) = session.run(None, dict(zip(names, arrays, strict=True)))
        return np.asarray(found)

    return run
