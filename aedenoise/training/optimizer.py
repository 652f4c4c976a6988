"""Adam with a learning-rate schedule."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from aedenoise.config import OptimizerConfig

Optimizer = optax.GradientTransformation
Schedule = optax.Schedule
# The share of all steps after which `drop` lowers the rate.
_DROP_AFTER = 2 / 3


def make_schedule(config: OptimizerConfig, total_steps: int) -> optax.Schedule:
    """The learning rate as a function of the step: linear warm-up, then ``config.schedule``."""
    rising = warmup_steps(config, total_steps)
    rest = total_steps - rising
    rate = config.learning_rate
    after = {
        "cosine": optax.cosine_decay_schedule(rate, rest),
        "constant": optax.constant_schedule(rate),
        "drop": optax.piecewise_constant_schedule(
            rate, {round(total_steps * _DROP_AFTER) - rising: 0.1}
        ),
    }[config.schedule]
    if rising == 0:
        return after
    # The ramp starts one step up: a first step at rate zero would be wasted.
    ramp = optax.linear_schedule(config.learning_rate / (rising + 1), config.learning_rate, rising)
    return optax.join_schedules([ramp, after], [rising])


def warmup_steps(config: OptimizerConfig, total_steps: int) -> int:
    """In how many of a stage's steps, the first, the learning rate rises."""
    return min(round(config.warmup * total_steps), total_steps - 1)


def staged_schedule(config: OptimizerConfig, lengths: Sequence[int]) -> optax.Schedule:
    """``make_schedule`` for each of several stages of training, one after another."""
    parts = [make_schedule(config, length) for length in lengths]
    return optax.join_schedules(parts, _starts(lengths)) if len(parts) > 1 else parts[0]


def make_optimizer(
    config: OptimizerConfig, schedule: optax.Schedule, before: Sequence[int] = ()
) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015) at the rate ``schedule`` gives for each step, behind the clipping
    of the gradient's norm (Pascanu et al. 2013) where the experiment asks for it.

    After each of the stages whose lengths ``before`` has, Adam's moments begin anew: what a stage
    leaves alone then has neither gradient nor momentum, and does not move.
    """
    if before:
        moments = optax.scale_by_adam(b1=config.b1, b2=config.b2, eps=config.eps)
        starts = _starts([*before, 0])
        adam = optax.chain(_restarted(moments, starts), optax.scale_by_learning_rate(schedule))
    else:
        adam = optax.adam(schedule, b1=config.b1, b2=config.b2, eps=config.eps)
    if config.max_grad_norm is None:
        return adam
    return optax.chain(optax.clip_by_global_norm(config.max_grad_norm), adam)


class _RestartedState(NamedTuple):
    """Updates done, and the state of what is begun anew."""

    updates: Array
    inner: Any


def _restarted(
    inner: optax.GradientTransformation, starts: Sequence[int]
) -> optax.GradientTransformation:
    """``inner``, begun anew before the updates number ``starts``."""

    def init(params: Any) -> _RestartedState:
        return _RestartedState(jnp.int32(0), inner.init(params))

    def update(gradient: Any, state: _RestartedState, params: Any) -> tuple[Any, _RestartedState]:
        begins = jnp.any(state.updates == jnp.array(starts, jnp.int32))
        fresh = jax.tree.map(
            lambda new, old: jnp.where(begins, new, old), inner.init(params), state.inner
        )
        change, following = inner.update(gradient, fresh, params)
        return change, _RestartedState(state.updates + 1, following)

    return optax.GradientTransformation(init, update)


def _starts(lengths: Sequence[int]) -> list[int]:
    """The first step of each stage but the first."""
    return list(itertools.accumulate(lengths[:-1]))
