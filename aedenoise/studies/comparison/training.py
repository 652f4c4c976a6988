"""Training of a network from several seeds at once, each independent of the others.

A seed determines the parameters, the order of examples and the noise, as in a separate run.
Decoders with the same seed share all three, except for their own parameters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise.data.batch import Batch
from aedenoise.data.batches import TrainBatches
from aedenoise.runs.denoising import DenoisingWorkload
from aedenoise.training.task import Params, TrainState, create_state, run_keys

# Calls between checks for divergence and stop signals; a check waits for the device.
_LOOK_EVERY = 50


@dataclass
class Trained:
    """Results of training, per seed.

    Attributes:
      params: trained parameters of each seed.
      diverged: step at which a non-finite loss was first detected, or None.
      seconds: duration of the training steps, without compilation.
      counted_steps: number of steps within ``seconds``.
    """

    params: list[Params]
    diverged: list[int | None]
    seconds: float = 0.0
    counted_steps: int = 0


class SeedTrainer:
    """Trainer of one experiment for any seeds.

    Args:
      workload: the experiment; its own seed is ignored.
      split: training images, uint8 ``[N, H, W, C]``, on the device that trains.
    """

    def __init__(self, workload: DenoisingWorkload, split: Array) -> None:
        self._workload = workload
        self._split = split
        self._create = jax.jit(
            partial(create_state, workload.task, image_shape=workload.image_shape)
        )
        self._one = _compiled(workload, several=False)
        self._several = _compiled(workload, several=True)

    def begin(self, seed: int) -> TrainState:
        """Creates the state before the first step."""
        state: TrainState = self._create(run_keys(seed)[0])
        return state

    def train(
        self,
        seeds: Sequence[int],
        *,
        steps_per_call: int,
        marks: Sequence[int] = (),
        at_mark: Callable[[int, list[Params]], None] = lambda step, params: None,
        stop_requested: Callable[[], bool] = lambda: False,
    ) -> Trained | None:
        """Trains for ``workload.total_steps`` updates, all seeds at once by ``vmap``.

        Args:
          seeds: one or more seeds.
          steps_per_call: updates per device call.
          marks: steps after which ``at_mark`` is called.
          at_mark: function of the step and the parameters of each seed.
          stop_requested: polled every 50 calls and at marks.

        Returns:
          The result; None if stopped.
        """
        workload, several, total = self._workload, len(seeds) > 1, self._workload.total_steps
        noise_keys = [run_keys(seed)[1] for seed in seeds]
        states: list[Any] = [self.begin(seed) for seed in seeds]
        state = _stack(states) if several else states[0]
        key = jnp.stack(noise_keys) if several else noise_keys[0]
        batches = [
            TrainBatches(
                workload.dataset.train.images,
                batch_size=workload.experiment.batch_size,
                seed=seed,
                resident=True,
            )
            for seed in seeds
        ]
        call = self._several if several else self._one
        losses: list[tuple[int, Array]] = []
        trained = Trained([], [None] * len(seeds))
        step, begin = 0, time.perf_counter()
        while step < total:
            boundary = min([mark for mark in marks if mark > step], default=total)
            # A call ends at each mark, so that its parameters can be read.
            count = min(steps_per_call, boundary - step)
            batch = _numpy_stack([_batch_at(batches, step + i, several) for i in range(count)])
            state, loss = call(state, key, self._split, batch)
            step += count
            losses.append((step, loss))
            if step == count:  # the first call compiles and is not timed
                jax.block_until_ready(state)
                begin = time.perf_counter()
            if step in marks or step == total or len(losses) >= _LOOK_EVERY:
                _note_divergence(losses, trained.diverged)
                losses.clear()
                if stop_requested():
                    return None
            if step in marks or step == total:
                trained.seconds += time.perf_counter() - begin
                if step in marks:
                    at_mark(step, _unstack(state.params, len(seeds), several))
                begin = time.perf_counter()
            # Steps of divergence are positive, so they count as true.
            if all(trained.diverged):
                break
        trained.counted_steps = step - min(steps_per_call, step)
        trained.params = _unstack(state.params, len(seeds), several)
        return trained


def _compiled(workload: DenoisingWorkload, *, several: bool) -> Any:
    def update(state: Any, key: Array, split: Array, batch: Batch) -> tuple[Any, Array]:
        whole = batch._replace(image=jnp.take(split, batch.index, axis=0))
        state, metrics = workload.step_fn(state, key, whole)
        return state, metrics["loss_sum"]

    each = jax.vmap(update, in_axes=(0, 0, None, 0)) if several else update

    def run(state: Any, key: Array, split: Array, batches: Batch) -> tuple[Any, Array]:
        if batches.index.shape[0] == 1:  # convolutions in a loop lose their fast path on CPU
            state, loss = each(state, key, split, jax.tree.map(lambda leaf: leaf[0], batches))
            return state, loss[None]
        return jax.lax.scan(lambda carry, batch: each(carry, key, split, batch), state, batches)

    return jax.jit(run, donate_argnums=0)


def _batch_at(batches: list[TrainBatches], step: int, several: bool) -> Batch:
    each = [batch(step) for batch in batches]
    return _numpy_stack(each) if several else each[0]


def _note_divergence(losses: list[tuple[int, Array]], diverged: list[int | None]) -> None:
    """Records the last step of the first call with a non-finite loss, per seed."""
    for step, loss in losses:
        # [steps of the call] or [steps of the call, seeds]
        values = np.asarray(loss).reshape(np.shape(loss)[0], -1)
        for which in np.flatnonzero(~np.isfinite(values).all(axis=0)):
            if diverged[which] is None:
                diverged[which] = step


def _stack(trees: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _numpy_stack(trees: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def _unstack(tree: Any, count: int, several: bool) -> list[Any]:
    if not several:
        return [tree]
    return [jax.tree.map(lambda leaf, i=i: leaf[i], tree) for i in range(count)]
