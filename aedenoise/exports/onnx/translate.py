"""Translation of a jaxpr, the trace of a JAX function, to an ONNX graph.

One rule for each primitive operation covers every network that consists of these operations. What
does not depend on the input is computed here and becomes a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn, Literal

from aedenoise.errors import UsageError
from aedenoise.exports.onnx.composites import COMPOSITES
from aedenoise.exports.onnx.elementwise import ELEMENTWISE
from aedenoise.exports.onnx.graph import Graph
from aedenoise.exports.onnx.linear import LINEAR
from aedenoise.exports.onnx.shapes import SHAPES
from aedenoise.exports.onnx.values import Value, constant, shaped

_RULES = {**ELEMENTWISE, **SHAPES, **LINEAR}
# Calls of an inner function, with the name of the parameter that holds it.
_CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "checkpoint": "jaxpr",
    "composite": "jaxpr",
}


class Trace(Protocol):
    """A trace with its constants: a ``ClosedJaxpr``, or from jax 0.12 on any ``Jaxpr``."""

    @property
    def jaxpr(self) -> Jaxpr: ...

    @property
    def consts(self) -> Sequence[Any]: ...


def translate(graph: Graph, closed: Trace, inputs: Sequence[Value]) -> list[Value]:
    """Adds the operations of a traced function to the graph.

    Args:
      graph: the graph, which names the symbols of the sizes.
      closed: the trace.
      inputs: one value for each argument.

    Returns:
      One value for each result.

    Raises:
      UsageError: if ONNX has no counterpart of an operation.
    """
    return _run(graph, closed.jaxpr, [constant(array) for array in closed.consts], inputs)


def _run(
    graph: Graph, jaxpr: Jaxpr, constants: Sequence[Value], inputs: Sequence[Value]
) -> list[Value]:
    found: dict[Any, Value] = {}
    found.update(zip(jaxpr.constvars, constants, strict=True))
    found.update(zip(jaxpr.invars, inputs, strict=True))

    def read(atom: Any) -> Value:
        return constant(atom.val) if isinstance(atom, Literal) else found[atom]

    for equation in jaxpr.eqns:
        results = _translated(graph, equation, [read(atom) for atom in equation.invars])
        found.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _translated(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> list[Value]:
    kind = equation.primitive.name
    if kind == "composite" and equation.params["name"] in COMPOSITES:
        return [COMPOSITES[equation.params["name"]](graph, equation, inputs)]
    if kind in _CALLS:
        inner = equation.params[_CALLS[kind]]
        constants = [constant(array) for array in getattr(inner, "consts", ())]
        return _run(graph, getattr(inner, "jaxpr", inner), constants, inputs)
    folded = _fold(equation, inputs)
    if folded is not None:
        return folded
    if kind not in _RULES:
        raise UsageError(
            f"onnx has no counterpart of JAX's {kind} here; export this network with "
            "--format=stablehlo"
        )
    try:
        return [_RULES[kind](graph, equation, inputs)]
    except NotImplementedError as error:
        raise UsageError(
            f"JAX's {kind} cannot be translated to onnx ({error}); export this network with "
            "--format=stablehlo"
        ) from error


def _fold(equation: JaxprEqn, inputs: list[Value]) -> list[Value] | None:
    """Computes what depends on constants only."""
    arrays = [value.array for value in inputs if value.array is not None and value.whole]
    shapes = [shaped(variable).shape for variable in equation.outvars]
    known = all(isinstance(size, int | np.integer) for shape in shapes for size in shape)
    if len(arrays) < len(inputs) or not known or equation.primitive.name == "dim_as_value":
        return None
    results = equation.primitive.bind(*arrays, **equation.params)
    several = results if equation.primitive.multiple_results else [results]
    return [constant(array) for array in several]
