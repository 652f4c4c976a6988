"""What is trained: the task as functions, and the state that training changes."""

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
from aedenoise.losses.objectives import Objective, by_level, get_loss, get_objective, supervised
from aedenoise.losses.reconstruction import Loss
from aedenoise.ops.noise import Corruption, corruption
from aedenoise.training.components import NO_COMPONENTS, Components
from aedenoise.training.discriminator import Discriminator, DiscriminatorState, make_discriminator
from aedenoise.training.layerwise import LossOfStage, Stages, losses_of_layers, make_stages
from aedenoise.training.optimizer import make_optimizer, staged_schedule, warmup_steps

Params = Any
# Losses whose gradient by a logit does not vanish.
_NEVER_SATURATED = ("bce", "emphasis")


@flax.struct.dataclass
class TrainState:
    """Everything that training changes. ``step`` (int32) counts the updates done."""

    step: Array
    params: Params
    opt_state: optax.OptState


@flax.struct.dataclass
class AdversarialState(TrainState):
    """The same where there is a discriminator, with its own."""

    adversary: DiscriminatorState


@dataclass(frozen=True)
class Task:
    """What is trained, as functions: fixed for a run, closed over by the transforms.

    ``objective`` is what training makes small; ``loss`` the nearest that compares with a clean
    image. Before step ``clean_steps`` the network is shown images without noise; from the
    first to before the second of each pair in ``bce_warmup`` the objective is cross-entropy, see
    ``objectives.with_bce_warmup``. ``penalty`` is
    added to the objective. In the first ``stages`` one of ``layer_losses`` takes its place. Where
    there is an ``adversary``, the state is an ``AdversarialState``.
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


def create_state(task: Task, key: Array, image_shape: tuple[int, int, int]) -> TrainState:
    """The state before the first step, for images of shape ``[H, W, C]``.

    Computed as one program, which the next run finds compiled.
    """

    @jax.jit
    def create(key: Array) -> TrainState:
        params = task.model.init(key, jnp.zeros((1, *image_shape)), jnp.zeros(1))["params"]
        state = TrainState(jnp.int32(0), params, task.optimizer.init(params))
        if task.adversary is None:
            return state
        adversary = task.adversary.create(jax.random.fold_in(key, 1), image_shape)
        return AdversarialState(state.step, state.params, state.opt_state, adversary)

    state: TrainState = create(key)
    return state


def abstract_state(task: Task, image_shape: tuple[int, int, int]) -> TrainState:
    """Shapes and dtypes of the state, without computing it."""
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
    """The task that ``experiment`` describes, for images of ``channels`` channels; of a dense
    network, for that height and width alone."""
    stages = make_stages(experiment, total_steps)
    lengths = stages.lengths(total_steps)
    schedule = staged_schedule(experiment.optimizer, lengths)
    model = components.build_model(experiment.model, channels, lowering=lowering, size=size)
    own_loss = components.loss
    objective = supervised(own_loss) if own_loss else get_objective(experiment.loss)
    if experiment.level_power:
        middle = 0.5 * (experiment.noise.level + (experiment.noise.level_max or 0.0))
        objective = by_level(objective, middle, experiment.level_power)
    return Task(
        model=model,
        corrupt=components.make_corruption() or corruption(experiment.noise),
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
    )


def _bce_warmup(experiment: Experiment, lengths: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """The steps in which the learning rate of each stage rises, where the loss wants a start."""
    if experiment.loss in _NEVER_SATURATED:
        return ()
    starts = itertools.accumulate(lengths[:-1], initial=0)
    rising = [warmup_steps(experiment.optimizer, length) for length in lengths]
    return tuple((at, at + more) for at, more in zip(starts, rising, strict=True) if more)


def run_keys(seed: int) -> tuple[Array, Array]:
    """The keys of a run: one for the parameters, one for the training noise."""
    init_key, noise_key = jax.random.split(jax.random.key(seed))
    return init_key, noise_key


def parameter_count(params: Any) -> int:
    """Number of parameters in a tree of arrays."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
