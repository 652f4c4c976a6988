"""Adam and Muon with learning-rate schedules, stages and gradient clipping."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from aedenoise.config import OptimizerConfig, continuation

Optimizer = optax.GradientTransformation
Schedule = optax.Schedule
# Fraction of the steps after which the schedule ``drop`` divides the rate by ten.
_DROP_AFTER = 2 / 3
# Root mean square of Muon's updates at rate 1; about that of Adam's.
_MUON_RMS = 0.2


def make_schedule(config: OptimizerConfig, total_steps: int) -> optax.Schedule:
    """Returns the learning rate as a function of the step: warm-up, then ``config.schedule``."""
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
    # The ramp starts above zero: a first step at rate zero would be wasted.
    ramp = optax.linear_schedule(config.learning_rate / (rising + 1), config.learning_rate, rising)
    return optax.join_schedules([ramp, after], [rising])


def warmup_steps(config: OptimizerConfig, total_steps: int) -> int:
    """Returns the number of warm-up steps in a stage of ``total_steps``."""
    return continuation.warmup_steps(config.warmup, total_steps)


def staged_schedule(config: OptimizerConfig, lengths: Sequence[int]) -> optax.Schedule:
    """Joins one ``make_schedule`` per stage of training, each with its own warm-up."""
    parts = [make_schedule(config, length) for length in lengths]
    return optax.join_schedules(parts, _starts(lengths)) if len(parts) > 1 else parts[0]


def make_optimizer(
    config: OptimizerConfig, schedule: optax.Schedule, before: Sequence[int] = ()
) -> optax.GradientTransformation:
    """Builds Adam (Kingma and Ba 2015) or Muon (Jordan et al. 2024), with gradient-norm clipping
    (Pascanu et al. 2013) if set.

    Args:
      config: the optimizer, its moments' decay, epsilon and the clipping norm.
      schedule: learning rate as a function of the step.
      before: lengths of all stages but the last. The moments are reset after each, so that
        parameters without a gradient in the next stage have no momentum and do not move.
    """
    scale = {"adam": _scale_by_adam, "muon": _scale_by_muon}[config.name](config)
    if before:
        scale = _restarted(scale, _starts([*before, 0]))
    stepping = optax.chain(scale, optax.scale_by_learning_rate(schedule))
    if config.max_grad_norm is None:
        return stepping
    return optax.chain(optax.clip_by_global_norm(config.max_grad_norm), stepping)


def _scale_by_adam(config: OptimizerConfig) -> optax.GradientTransformation:
    return optax.scale_by_adam(b1=config.b1, b2=config.b2, eps=config.eps)


def _scale_by_muon(config: OptimizerConfig) -> optax.GradientTransformation:
    """Orthogonalizes the momentum of wide kernels, and leaves other parameters to Adam.

    A kernel ``[k, k, C, O]`` counts as a matrix ``[k k C, O]``. Kernels with one channel in or out
    have no directions to balance. Updates are scaled to the size of Adam's, so that one rate
    serves both.
    """
    # At the rate -1, what optax negates is positive again, as scales are.
    return optax.contrib.muon(
        -1.0,
        eps=config.eps,
        adam_b1=config.b1,
        adam_b2=config.b2,
        consistent_rms=_MUON_RMS,
        muon_weight_dimension_numbers=_matrices,
    )


def _matrices(params: Any) -> Any:
    """Tells Optax which parameters are matrices: their axes of inputs and of outputs."""

    def axes(param: Any) -> optax.contrib.MuonDimensionNumbers | None:
        if param.ndim < 2 or min(param.shape[-2:]) < 2:
            return None
        return optax.contrib.MuonDimensionNumbers(tuple(range(param.ndim - 1)), param.ndim - 1)

    return jax.tree.map(axes, params)


class _RestartedState(NamedTuple):
    """Number of updates, and the state of the wrapped transformation."""

    updates: Array
    inner: Any


def _restarted(
    inner: optax.GradientTransformation, starts: Sequence[int]
) -> optax.GradientTransformation:
    """Wraps ``inner`` so that its state is reset before each update in ``starts``."""

    def init(params: Any) -> _RestartedState:
        return _RestartedState(jnp.int32(0), inner.init(params))

    def update(gradient: Any, state: _RestartedState, params: Any) -> tuple[Any, _RestartedState]:
        begins = jnp.any(state.updates == jnp.array(starts, jnp.int32))
        # A select rather than a branch: the update stays one program at every step.
        fresh = jax.tree.map(
            lambda new, old: jnp.where(begins, new, old), inner.init(params), state.inner
        )
        change, following = inner.update(gradient, fresh, params)
        return change, _RestartedState(state.updates + 1, following)

    return optax.GradientTransformation(init, update)


def _starts(lengths: Sequence[int]) -> list[int]:
    """Returns the first step of each stage after the first."""
    return list(itertools.accumulate(lengths[:-1]))
