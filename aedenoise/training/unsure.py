"""Training step of UNSURE: Gaussian noise whose level is not known (Tachella, Davies and Jacques,
ICLR 2025).

Stein's estimate holds for every level of a network whose divergence is zero on average. The noise
variance is then the multiplier of this constraint: the network descends, the multiplier ascends to
their saddle point.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from aedenoise.data.batch import Batch
from aedenoise.losses.objectives import stein_terms, with_bce_warmup
from aedenoise.training.step import make_examples
from aedenoise.training.task import Params, Task, UnsureState
from aedenoise.training.update import make_update, step_metrics, sum_over_devices

# Relative growth of the multiplier for a divergence of 1, and the share of the mean divergence that
# an update keeps of those before it.
_RATE, _KEPT = 0.05, 0.9


def unsure_step(
    task: Task, state: UnsureState, key: Array, batch: Batch, *, axis_name: str | None = None
) -> tuple[UnsureState, dict[str, Array]]:
    """Performs one update of a denoiser and of the multiplier; see ``training.step.train_step``.

    Metrics have ``noise_level`` too, the root of the multiplier.
    """
    examples = make_examples(task, state.step, key, batch)
    weight = batch.mask.astype(jnp.float32)
    count = sum_over_devices(jnp.sum(weight), axis_name)

    def loss_sum(params: Params) -> tuple[Array, Array]:
        def network(image: Array, level: Array) -> Array:
            logits: Any = task.model.apply({"params": params}, image, level)
            return jnp.asarray(logits)

        terms = stein_terms(network, examples)
        own = terms.change + 2.0 * state.variance * terms.divergence - state.variance
        start = terms.entropy + state.variance * terms.slope
        losses = with_bce_warmup(examples, own, start)
        return jnp.sum(losses * weight), jnp.sum(terms.divergence * weight)

    update = make_update(loss_sum, task.optimizer, has_aux=True)
    done, total, found = update(state.params, state.opt_state, count, axis_name)
    divergence = sum_over_devices(found, axis_name) / count
    # During warm-up the network is far from the saddle point.
    moving = jnp.logical_not(jnp.asarray(examples.in_warmup))
    mean = jnp.where(moving, _KEPT * state.divergence + (1.0 - _KEPT) * divergence, 0.0)
    # In the logarithm: the variance stays positive, and steps are relative to it.
    variance = state.variance * jnp.exp(_RATE * jnp.clip(mean, -1.0, 1.0))
    metrics = step_metrics(total, count, task.schedule(state.step), done)
    metrics["noise_level"] = jnp.sqrt(variance)
    return UnsureState(state.step + 1, done.params, done.opt_state, variance, mean), metrics
