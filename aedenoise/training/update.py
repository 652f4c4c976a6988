"""One step of an optimizer from the sum of a batch's gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import optax
from jax import Array


class OptimizerStep(NamedTuple):
    """Parameters and the optimizer's state after a step; the gradient's mean, and the change."""

    params: Any
    opt_state: optax.OptState
    gradient: Any
    change: Any


def apply_gradients(
    optimizer: optax.GradientTransformation,
    gradient_sum: Any,
    count: Array,
    params: Any,
    opt_state: optax.OptState,
) -> OptimizerStep:
    """A step along the mean gradient: ``gradient_sum`` over ``count`` examples of all devices."""
    gradient = jax.tree.map(lambda g: g / count, gradient_sum)
    change, following = optimizer.update(gradient, opt_state, params)
    return OptimizerStep(optax.apply_updates(params, change), following, gradient, change)


def update_norms(done: OptimizerStep) -> dict[str, Array]:
    """``gradient_norm``, ``parameter_norm`` and ``update_norm``."""
    return {
        "gradient_norm": optax.tree.norm(done.gradient),
        "parameter_norm": optax.tree.norm(done.params),
        "update_norm": optax.tree.norm(done.change),
    }
