"""Rules for operations that act on each element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jax.extend.core import JaxprEqn
from onnx import helper

from aedenoise.exports.onnx.graph import Graph
from aedenoise.exports.onnx.values import Value, arranged, inverse, shaped, straight

Rule = Callable[[Graph, JaxprEqn, list[Value]], Value]

# Operations with a counterpart of the same meaning.
_SAME = {
    "abs": "Abs",
    "add": "Add",
    "add_any": "Add",
    "and": "And",
    "ceil": "Ceil",
    "cos": "Cos",
    "div": "Div",
    "eq": "Equal",
    "erf": "Erf",
    "exp": "Exp",
    "floor": "Floor",
    "ge": "GreaterOrEqual",
    "gt": "Greater",
    "le": "LessOrEqual",
    "log": "Log",
    "logistic": "Sigmoid",
    "lt": "Less",
    "max": "Max",
    "min": "Min",
    "mul": "Mul",
    "neg": "Neg",
    "not": "Not",
    "or": "Or",
    "pow": "Pow",
    "sign": "Sign",
    "sin": "Sin",
    "sqrt": "Sqrt",
    "sub": "Sub",
    "tanh": "Tanh",
}
# Operations that pass their input on.
_PASSING = ("copy", "copy_p", "optimization_barrier", "reduce_precision", "stop_gradient")
_LOGICAL = ("and", "not", "or")


def apply(
    graph: Graph, equation: JaxprEqn, inputs: list[Value], combine: Callable[..., str]
) -> Value:
    """Applies ``combine``, from names to a name, to tensors of one order."""
    aval = shaped(equation.outvars[0])
    # The first tensor keeps its order; constants follow it at no cost.
    ranked = (value.order for value in inputs if value.array is None and value.shape)
    order = next(ranked, straight(len(aval.shape)))
    axes = inverse(order)
    names = [arranged(graph, value, axes if value.shape else None) for value in inputs]
    # Without an input of the whole shape, axes of length 1 remain.
    whole = any(value.whole and value.shape == aval.shape for value in inputs)
    return Value(aval.shape, aval.dtype, combine(*names), order, whole=whole)


def _same(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    kind = equation.primitive.name
    if kind in _LOGICAL and inputs[0].dtype != np.bool_:
        raise NotImplementedError("bits of integers")
    if kind == "max" and _is_zero(inputs[1]):
        return apply(graph, equation, inputs[:1], lambda x: graph.add("Relu", x))
    return apply(graph, equation, inputs, lambda *names: graph.add(_SAME[kind], *names))


def _is_zero(value: Value) -> bool:
    zero = value.array is not None and value.array.shape == () and value.array == 0
    return bool(zero) and np.issubdtype(value.dtype, np.floating)


def _unequal(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    return apply(graph, equation, inputs, lambda a, b: graph.add("Not", graph.add("Equal", a, b)))


def _remainder(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    # ``fmod``: the sign is the dividend's, as JAX defines it.
    return apply(graph, equation, inputs, lambda a, b: graph.add("Mod", a, b, fmod=1))


def _select(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    if len(inputs) != 3 or inputs[0].dtype != np.bool_:
        raise NotImplementedError("more than two cases")
    return apply(graph, equation, inputs, lambda which, no, yes: graph.add("Where", which, yes, no))


def _cast(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    to = helper.np_dtype_to_tensor_dtype(np.dtype(shaped(equation.outvars[0]).dtype))
    return apply(graph, equation, inputs, lambda x: graph.add("Cast", x, to=to))


def _pass(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    return inputs[0]


def _power(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    exponent = graph.constant(np.asarray(equation.params["y"], inputs[0].dtype))
    return apply(graph, equation, inputs, lambda x: graph.add("Pow", x, exponent))


def _square(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    return apply(graph, equation, inputs, lambda x: graph.add("Mul", x, x))


def _inverse_root(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    return apply(graph, equation, inputs, lambda x: graph.add("Reciprocal", graph.add("Sqrt", x)))


def _clamp(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    return apply(
        graph,
        equation,
        inputs,
        lambda least, x, most: graph.add("Min", graph.add("Max", x, least), most),
    )


def _log_plus_one(graph: Graph, equation: JaxprEqn, inputs: list[Value]) -> Value:
    one: Any = graph.constant(np.asarray(1, inputs[0].dtype))
    return apply(graph, equation, inputs, lambda x: graph.add("Log", graph.add("Add", x, one)))


ELEMENTWISE: dict[str, Rule] = {
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(_PASSING, _pass),
    "clamp": _clamp,
    "convert_element_type": _cast,
    "integer_pow": _power,
    "log1p": _log_plus_one,
    "ne": _unequal,
    "rem": _remainder,
    "rsqrt": _inverse_root,
    "select_n": _select,
    "square": _square,
}
