"""The training task as functions, and the state that training changes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax import Array

from aedenoise.config import Experiment
from aedenoise.losses.code_penalties import Penalty, make_penalty
from aedenoise.losses.objectives import (
    PROBE_STEP,
    Objective,
    by_level,
    get_loss,
    get_objective,
    supervised,
)
from aedenoise.losses.reconstruction import Loss
from aedenoise.ops.noise import Corruption, corruption
from aedenoise.training.components import NO_COMPONENTS, Components
from aedenoise.training.discriminator import Discriminator, DiscriminatorState, make_discriminator
from aedenoise.training.layerwise import LossOfStage, Stages, losses_of_layers, make_stages
from aedenoise.training.optimizer import make_optimizer, staged_schedule, warmup_steps

Params = Any
# Losses with a gradient that does not vanish where the sigmoid saturates; no warm-up needed.
_NEVER_SATURATED = ("bce", "emphasis")
# A multiplier of 0 could not grow.
_LEAST_LEVEL = 1e-3
_PROBE_SHARE = 0.25


@flax.struct.dataclass
class TrainState:
    """Training state. ``step`` (int32) counts the updates applied so far."""

    step: Array
    params: Params
    opt_state: optax.OptState


@flax.struct.dataclass
class AdversarialState(TrainState):
    """Training state with that of a discriminator."""

    adversary: DiscriminatorState


@flax.struct.dataclass
class UnsureState(TrainState):
    """Training state with a multiplier.

    Attributes:
      variance: multiplier, in the end an upper bound of the noise variance.
      divergence: running mean of the network's divergence.
    """

    variance: Array
    divergence: Array


@dataclass(frozen=True)
class Task:
    """Training of a denoiser as functions, fixed for a run and closed over by the transforms.

    Attributes:
      model: linen module, ``(image, level) -> logits``.
      corrupt: the corruption of clean images.
      objective: the minimised function, per example.
      loss: the supervised loss closest to ``objective``, for images with a clean reference.
      optimizer, schedule: the optimizer, and its learning rate as a function of the step.
      clean_steps: number of first steps in which the network sees images without noise.
      bce_warmup: half-open ranges of steps in which the objective is cross-entropy; see
        ``objectives.with_bce_warmup``.
      loss_name: name of the loss in figures and messages.
      penalty: added to the objective, if not None.
      stages: greedy stages; in all but the last, one of ``layer_losses`` replaces the objective.
      adversary: the discriminator, if any; the state is then an ``AdversarialState``.
      first_level: noise level at which the multiplier of ``unsure`` begins; the state is then an
        ``UnsureState``.
      probe_step: finite difference of Stein's estimate.
    """

    model: Any
    corrupt: Corruption
    objective: Objective
    loss: Loss
    optimizer: optax.GradientTransformation
    schedule: optax.Schedule
    clean_steps: int = 0
    bce_warmup: tuple[tuple[int, int], ...] = ()
    loss_name: str = "bce"
    penalty: Penalty | None = None
    stages: Stages = field(default_factory=Stages)
    layer_losses: Sequence[LossOfStage] = ()
    adversary: Discriminator | None = None
    first_level: float | None = None
    probe_step: float = PROBE_STEP


def create_state(task: Task, key: Array, image_shape: tuple[int, int, int]) -> TrainState:
    """Creates the initial state for images of shape ``[H, W, C]``.

    Runs as one program, so that the compilation cache serves the next run.
    """

    @jax.jit
    def create(key: Array) -> TrainState:
        params = task.model.init(key, jnp.zeros((1, *image_shape)), jnp.zeros(1))["params"]
        state = TrainState(jnp.int32(0), params, task.optimizer.init(params))
        if task.first_level is not None:
            first = jnp.float32(max(task.first_level, _LEAST_LEVEL) ** 2)
            return UnsureState(state.step, params, state.opt_state, first, jnp.float32(0.0))
        if task.adversary is None:
            return state
        # Folded in rather than split: the denoiser starts the same with and without adversary.
        adversary = task.adversary.create(jax.random.fold_in(key, 1), image_shape)
        return AdversarialState(state.step, state.params, state.opt_state, adversary)

    state: TrainState = create(key)
    return state


def abstract_state(task: Task, image_shape: tuple[int, int, int]) -> TrainState:
    """Returns shapes and dtypes of the state without computing it."""
    shapes: TrainState = jax.eval_shape(lambda: create_state(task, jax.random.key(0), image_shape))
    return shapes


def make_task(
    experiment: Experiment,
    *,
    channels: int,
    total_steps: int,
    lowering: str = "auto",
    size: tuple[int, int] = (28, 28),
    components: Components = NO_COMPONENTS,
) -> Task:
    """Builds the task of ``experiment``.

    Args:
      experiment: model, noise, loss and optimizer.
      channels: channels of the images.
      total_steps: steps of the whole run, over which schedule and stages extend.
      lowering: implementation of the convolutions.
      size: height and width; fixed in dense networks, ignored by others.
      components: parts from Python in place of the experiment's.
    """
    stages = make_stages(experiment, total_steps)
    lengths = stages.lengths(total_steps)
    schedule = staged_schedule(experiment.optimizer, lengths)
    # A contractive penalty takes a forward-mode derivative, which only XLA's convolutions have.
    forward_mode = experiment.code.contractive_weight > 0.0
    model = components.build_model(
        experiment.model, channels, lowering="plain" if forward_mode else lowering, size=size
    )
    own_loss = components.make_loss()
    objective = supervised(own_loss) if own_loss else get_objective(experiment.loss)
    if experiment.level_power:
        # Weights are 1 in the middle of the noise range, so that losses stay comparable.
        middle = 0.5 * (experiment.noise.level + (experiment.noise.level_max or 0.0))
        objective = by_level(objective, middle, experiment.level_power)
    return Task(
        model=model,
        corrupt=components.make_corruption()
        or corruption(experiment.noise, paired=experiment.data.paired),
        objective=objective,
        loss=own_loss or get_loss(experiment.loss),
        loss_name=getattr(own_loss, "__name__", "loss") if own_loss else experiment.loss,
        optimizer=make_optimizer(experiment.optimizer, schedule, lengths[:-1]),
        schedule=schedule,
        bce_warmup=() if own_loss else _bce_warmup(experiment, lengths),
        clean_steps=total_steps * experiment.clean_epochs // experiment.epochs,
        penalty=make_penalty(experiment.code),
        stages=stages,
        layer_losses=losses_of_layers(experiment, model, objective),
        adversary=make_discriminator(experiment, schedule, lowering=lowering),
        first_level=experiment.noise.level if experiment.loss == "unsure" else None,
        probe_step=_probe_step(experiment),
    )


def _probe_step(experiment: Experiment) -> float:
    """Returns the finite difference of Stein's estimate.

    Over a small step few kinks of the activations are crossed, and each adds a gradient
    proportional to the inverse of the step: rare and large. Experiments with added noise keep the
    step of their published figures.
    """
    if not experiment.data.noisy:
        return PROBE_STEP
    return max(_PROBE_SHARE * experiment.noise.level, PROBE_STEP)


def _bce_warmup(experiment: Experiment, lengths: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Returns the warm-up of each stage as half-open ranges, for losses that can saturate."""
    # Logits of a residual network follow the image, and its gradients pass where they saturate.
    if experiment.loss in _NEVER_SATURATED or experiment.model.residual:
        return ()
    starts = itertools.accumulate(lengths[:-1], initial=0)
    rising = [warmup_steps(experiment.optimizer, length) for length in lengths]
    return tuple((at, at + more) for at, more in zip(starts, rising, strict=True) if more)


def run_keys(seed: int) -> tuple[Array, Array]:
    """Returns the keys of a run: for the parameters, and for the training noise."""
    init_key, noise_key = jax.random.split(jax.random.key(seed))
    return init_key, noise_key


def parameter_count(params: Any) -> int:
    """Counts the parameters in a tree of arrays."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
