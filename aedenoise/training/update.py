"""The optimizer step of a batch, on one device or summed over several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp
import optax
from jax import Array

Tree = TypeVar("Tree")


class OptimizerStep(NamedTuple):
    """Result of an optimizer step: parameters and state after it, mean gradient, and update."""

    params: Any
    opt_state: optax.OptState
    gradient: Any
    change: Any


class Update(Protocol):
    """Function ``(params, opt_state, count, axis_name) -> (step, loss sum, auxiliary output)``."""

    def __call__(
        self, params: Any, opt_state: optax.OptState, count: Array, axis_name: str | None = None
    ) -> tuple[OptimizerStep, Array, Any]: ...


def make_update(
    loss_sum: Callable[[Any], Any],
    optimizer: optax.GradientTransformation,
    *,
    has_aux: bool = False,
) -> Update:
    """Builds the update shared by all training steps.

    Args:
      loss_sum: parameters to the summed loss of this device's examples; with ``has_aux``, to a
        pair of that sum and any tree.
      optimizer: applied to the mean gradient over ``count`` examples of all devices.
      has_aux: whether ``loss_sum`` returns a pair; the tree is not summed over devices.
    """

    def update(
        params: Any, opt_state: optax.OptState, count: Array, axis_name: str | None = None
    ) -> tuple[OptimizerStep, Array, Any]:
        value, gradient = jax.value_and_grad(loss_sum, has_aux=has_aux)(params)
        total, aux = value if has_aux else (value, None)
        total, gradient = sum_over_devices((total, gradient), axis_name)
        return apply_gradients(optimizer, gradient, count, params, opt_state), total, aux

    return update


def apply_gradients(
    optimizer: optax.GradientTransformation,
    gradient_sum: Any,
    count: Array,
    params: Any,
    opt_state: optax.OptState,
) -> OptimizerStep:
    """Applies the mean gradient: ``gradient_sum`` over ``count`` examples of all devices."""
    # Divided after the sum over devices, so that shards with padding get no extra weight.
    gradient = jax.tree.map(lambda g: g / count, gradient_sum)
    change, following = optimizer.update(gradient, opt_state, params)
    return OptimizerStep(optax.apply_updates(params, change), following, gradient, change)


def step_metrics(total: Array, count: Array, rate: Any, done: OptimizerStep) -> dict[str, Array]:
    """Returns the metrics of a training step as scalars.

    ``loss_sum`` and ``count`` over the global batch, ``learning_rate``, and the norms
    ``gradient_norm``, ``parameter_norm`` and ``update_norm``.
    """
    return {
        "loss_sum": total,
        "count": count,
        "learning_rate": jnp.asarray(rate, jnp.float32),
        "gradient_norm": optax.tree.norm(done.gradient),
        "parameter_norm": optax.tree.norm(done.params),
        "update_norm": optax.tree.norm(done.change),
    }


def sum_over_devices(tree: Tree, axis_name: str | None) -> Tree:
    """Sums over the mapped axis ``axis_name``; returns ``tree`` unchanged if it is None."""
    # Under ``jit`` a sum is already global; the compiler inserts the reduction over shards.
    if axis_name is None:
        return tree
    summed: Tree = jax.lax.psum(tree, axis_name)
    return summed
