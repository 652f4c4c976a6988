"""Gradients of convolutions that the CPU kernels compute."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.ops.native.calls import NO_GATE


class Plan(Protocol):
    """What follows a convolution: an optional ReLU and max pooling."""

    @property
    def relu(self) -> bool: ...
    @property
    def window(self) -> int: ...


PlanT = TypeVar("PlanT", bound=Plan)
# (plan, x, weights, bias) -> output, winners of the pooling
Forward = Callable[[PlanT, Array, Array, Array], tuple[Array, Array]]
# (plan, x, weights, gate, gradient of the output) -> gradients of x, weights and bias
Backward = Callable[[PlanT, Array, Array, Any, Array], tuple[Array, Array, Array]]


def with_gradients(
    forward: Forward[PlanT], backward: Backward[PlanT]
) -> Callable[[PlanT, Array, Array, Array], Array]:
    """Makes the function ``(plan, x, weights, bias) -> output`` with its gradients.

    ``backward`` receives the gate of the gradient as ``native.forward`` takes it. The output of a
    ReLU is mask enough, so that no pre-activation is kept.
    """

    @partial(jax.custom_vjp, nondiff_argnums=(0,))
    def convolve(plan: PlanT, x: Array, weights: Array, bias: Array) -> Array:
        return forward(plan, x, weights, bias)[0]

    def keeping(
        plan: PlanT, x: Array, weights: Array, bias: Array
    ) -> tuple[Array, tuple[Array, Array, Any]]:
        y, winner = forward(plan, x, weights, bias)
        gate: Any = winner if plan.window > 1 else y if plan.relu else jnp.asarray(NO_GATE)
        return y, (x, weights, gate)

    def pull(
        plan: PlanT, kept: tuple[Array, Array, Any], gradient: Array
    ) -> tuple[Array, Array, Array]:
        return backward(plan, *kept, gradient)

    convolve.defvjp(keeping, pull)
    return convolve
