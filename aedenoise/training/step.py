"""The pure training step of a denoiser: no transform, no device, no side effect.

``sharding.py`` applies ``jit`` or ``pmap`` to it, shards the batch and donates the state.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.data.batch import Batch
from aedenoise.losses.objectives import Examples
from aedenoise.ops.noise import Noisy, clean_images, example_keys, noisy_images
from aedenoise.training.task import Params, Task, TrainState
from aedenoise.training.update import make_update, step_metrics, sum_over_devices

# Folded into the key for all randomness other than the noise; no step has this number.
_OTHER = 2**32 - 1


def make_examples(task: Task, step: Array, key: Array, batch: Batch) -> Examples:
    """Builds the corrupted batch of this step."""
    clean = clean_images(task.corrupt, batch.image)
    noisy = noisy_images(task.corrupt, key, step, batch.index, batch.image)
    if task.clean_steps:
        shown = jnp.where(step < task.clean_steps, clean, noisy.image)
        noisy = Noisy(shown, jnp.where(step < task.clean_steps, 0.0, noisy.level))
    other_keys = example_keys(jax.random.fold_in(key, _OTHER), step, batch.index)
    in_warmup: Array | bool = False
    # Stays a Python False without warm-up, so that the second loss is not compiled.
    for first, after in task.bce_warmup:
        in_warmup |= (step >= first) & (step < after)
    return Examples(clean, noisy, other_keys, task.corrupt, in_warmup, task.probe_step)


def train_step(
    task: Task, state: TrainState, key: Array, batch: Batch, *, axis_name: str | None = None
) -> tuple[TrainState, dict[str, Array]]:
    """Performs one update on a batch.

    Args:
      task: model, corruption, loss and optimizer.
      state: replicated; ``state.step`` selects this step's noise.
      key: the run's noise key.
      batch: this device's shard under ``pmap``, else the whole batch.
      axis_name: the mapped axis to sum over under ``pmap``; None under ``jit``.

    Returns:
      The next state, and scalar metrics: ``loss_sum`` and ``count`` over the real examples of the
      whole batch, ``learning_rate``, and the norms of gradient, parameters and update.
    """
    examples = make_examples(task, state.step, key, batch)
    # Padding has weight 0. Sums, not means, are added over devices: shards of a partial batch
    # differ in their number of examples.
    weight = batch.mask.astype(jnp.float32)

    count = sum_over_devices(jnp.sum(weight), axis_name)

    def batch_mean(values: Array) -> Array:
        return sum_over_devices(jnp.tensordot(weight, values, 1), axis_name) / count

    def whole(params: Params) -> Array:
        def network(image: Array, level: Array, method: str | None = None) -> Array:
            output: Any = task.model.apply({"params": params}, image, level, method=method)
            return jnp.asarray(output)

        losses = task.objective(network, examples)
        if task.penalty is None:
            return losses
        encode = partial(network, method="encode")
        return losses + task.penalty(encode, examples.noisy, examples.keys, batch_mean)

    def loss_sum(params: Params) -> Array:
        if not task.layer_losses:
            return jnp.sum(whole(params) * weight)
        layers = [partial(loss, examples=examples) for loss in task.layer_losses]
        # One program for all stages: a switch on the step, rather than a compilation per stage.
        losses = jax.lax.switch(task.stages.stage(state.step), [*layers, whole], params)
        return jnp.sum(losses * weight)

    update = make_update(loss_sum, task.optimizer)
    done, total, _ = update(state.params, state.opt_state, count, axis_name)
    metrics = step_metrics(total, count, task.schedule(state.step), done)
    return TrainState(state.step + 1, done.params, done.opt_state), metrics
