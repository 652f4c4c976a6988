"""A growing ONNX graph: nodes, constants, and sizes that are known at run time only."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

# Supported by ONNX Runtime since version 1.11.
OPSET, IR_VERSION = 17, 8
_DIVISIONS = {"floordiv", "mod"}


class Graph:
    """Nodes and constants of a graph under construction.

    Attributes:
      nodes: in the order of their computation.
      initializers: constants.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._names = (f"v{number}" for number in itertools.count())
        self._constants: dict[Any, str] = {}
        self._sizes: dict[str, str] = {}

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node of one output; returns the output's name."""
        name = next(self._names)
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, array: np.ndarray) -> str:
        """Adds a constant, unless there is an equal one; returns its name."""
        array = np.ascontiguousarray(array).reshape(np.shape(array))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = next(self._names)
            self.initializers.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def integers(self, *numbers: int) -> str:
        """Adds a constant list of integers; returns its name."""
        return self.constant(np.asarray(numbers, np.int64))

    def name_size(self, symbol: str, tensor: str, axis: int) -> None:
        """Lets ``symbol`` stand for the size of a tensor along ``axis``."""
        shape = self.add("Shape", tensor)
        self._sizes[symbol] = self.add("Gather", shape, self.integers(axis), axis=0)

    def knows(self, symbol: str) -> bool:
        """Returns True if ``symbol`` has been named."""
        return symbol in self._sizes

    def output(self, tensor: str, name: str) -> None:
        """Makes a tensor an output called ``name``."""
        self.nodes.append(helper.make_node("Identity", [tensor], [name]))

    def size(self, size: Any) -> str:
        """Returns the name of a size, int64 ``[1]``.

        Args:
          size: an integer, or a symbolic size of JAX. Its text is its documented form, which
            ``jax.export.symbolic_shape`` reads.
        """
        if isinstance(size, int | np.integer):
            return self.integers(int(size))
        text = str(size)
        if text not in self._sizes:
            self._sizes[text] = self._compute(ast.parse(text.strip(), mode="eval").body)
        return self._sizes[text]

    def sizes(self, shape: Sequence[Any]) -> str:
        """Returns the name of a list of sizes, int64 ``[len(shape)]``."""
        if all(isinstance(size, int | np.integer) for size in shape):
            return self.integers(*map(int, shape))
        return self.add("Concat", *map(self.size, shape), axis=0)

    def _compute(self, node: ast.expr) -> str:
        text = ast.unparse(node)
        if text not in self._sizes:
            self._sizes[text] = self._computed(node)
        return self._sizes[text]

    def _computed(self, node: ast.expr) -> str:
        match node:
            case ast.Constant(value=int(number)):
                return self.integers(number)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return self.add("Neg", self._compute(inner))
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() as sign, right=right):
                kind = {ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul"}[type(sign)]
                return self.add(kind, self._compute(left), self._compute(right))
            case ast.Call(func=ast.Name(id=name), args=[left, right]) if name in _DIVISIONS:
                above, below = self._compute(left), self._compute(right)
                # The remainder has the divisor's sign, so the division below is exact; ONNX
                # rounds others towards zero.
                rest = self.add("Mod", above, below)
                if name == "mod":
                    return rest
                return self.add("Div", self.add("Sub", above, rest), below)
            case ast.Call(func=ast.Name(id="max" | "min" as name), args=[left, right]):
                return self.add(name.capitalize(), self._compute(left), self._compute(right))
        raise NotImplementedError(f"size {ast.unparse(node)}")


def make_model(
    graph: Graph,
    inputs: Mapping[str, Sequence[Any]],
    outputs: Mapping[str, Sequence[Any]],
    facts: Mapping[str, str],
) -> onnx.ModelProto:
    """Completes a model of float32 inputs and outputs, and checks it.

    Args:
      graph: nodes and constants, which name the inputs and outputs.
      inputs, outputs: shapes by name; text for a size that is known at run time.
      facts: metadata.
    """
    described = [
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in each]
        for each in (inputs.items(), outputs.items())
    ]
    body = helper.make_graph(graph.nodes, "aedenoise", *described, graph.initializers)
    model = helper.make_model(
        body,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="aedenoise",
        producer_version=facts["aedenoise_version"],
    )
    helper.set_model_props(model, dict(facts))
    onnx.checker.check_model(model, full_check=True)
    return model
