"""Adam with a learning-rate schedule."""

from __future__ import annotations

import optax

from aedenoise.experiment import OptimizerConfig

# The share of all steps after which `drop` lowers the rate.
_DROP_AFTER = 2 / 3


def make_schedule(config: OptimizerConfig, total_steps: int) -> optax.Schedule:
    """The learning rate as a function of the step: linear warm-up, then ``config.schedule``."""
    warmup_steps = min(round(config.warmup * total_steps), total_steps - 1)
    rest = total_steps - warmup_steps
    rate = config.learning_rate
    after = {
        "cosine": optax.cosine_decay_schedule(rate, rest),
        "constant": optax.constant_schedule(rate),
        "drop": optax.piecewise_constant_schedule(
            rate, {round(total_steps * _DROP_AFTER) - warmup_steps: 0.1}
        ),
    }[config.schedule]
    if warmup_steps == 0:
        return after
    # The ramp starts one step up: a first step at rate zero would be wasted.
    ramp = optax.linear_schedule(
        config.learning_rate / (warmup_steps + 1), config.learning_rate, warmup_steps
    )
    return optax.join_schedules([ramp, after], [warmup_steps])


def make_optimizer(
    config: OptimizerConfig, schedule: optax.Schedule
) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015) at the rate ``schedule`` gives for each step, behind the clipping
    of the gradient's norm (Pascanu et al. 2013) where the experiment asks for it."""
    adam = optax.adam(schedule, b1=config.b1, b2=config.b2, eps=config.eps)
    if config.max_grad_norm is None:
        return adam
    return optax.chain(optax.clip_by_global_norm(config.max_grad_norm), adam)
