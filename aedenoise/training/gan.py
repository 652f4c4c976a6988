"""Training steps against a discriminator, pure: of a GAN, and of a denoiser that is also to look
real. Both networks learn in one step, the discriminator first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax import Array

from aedenoise.config import Experiment
from aedenoise.data.batch import Batch
from aedenoise.models import Generator, build_generator
from aedenoise.ops.images import scale, to_image
from aedenoise.ops.noise import example_keys
from aedenoise.training.discriminator import Discriminator, make_discriminator
from aedenoise.training.optimizer import make_optimizer, make_schedule
from aedenoise.training.step import make_examples
from aedenoise.training.task import AdversarialState, Params, Task
from aedenoise.training.update import apply_gradients, step_metrics, sum_over_devices

# The mean over steps forgets faster at first: after n steps it keeps at most (1 + n) / (10 + n).
_FIRST = 10.0
_PULL = 1e-4


@flax.struct.dataclass
class GanState(AdversarialState):
    """``params`` are the generator's; ``average`` their mean over steps."""

    average: Params


@dataclass(frozen=True)
class GanTask:
    """What is trained, as functions."""

    model: Generator
    latent_size: int
    image_shape: tuple[int, int, int]
    adversary: Discriminator
    optimizer: optax.GradientTransformation
    schedule: optax.Schedule


def make_gan_task(
    experiment: Experiment,
    *,
    image_shape: tuple[int, int, int],
    total_steps: int,
    lowering: str = "auto",
) -> GanTask:
    """The GAN that ``experiment`` describes, for images of shape ``[H, W, C]``."""
    schedule = make_schedule(experiment.optimizer, total_steps)
    adversary = make_discriminator(experiment, schedule, lowering=lowering)
    assert adversary is not None
    return GanTask(
        build_generator(experiment.model, image_shape, lowering=lowering),
        experiment.model.latent_size,
        image_shape,
        adversary,
        make_optimizer(experiment.optimizer, schedule),
        schedule,
    )


def create_gan(task: GanTask, key: Array) -> GanState:
    """The state before the first step, computed as one program."""

    @jax.jit
    def create(key: Array) -> GanState:
        maker_key, adversary_key = jax.random.split(key)
        params = task.model.init(maker_key, jnp.zeros((1, task.latent_size)))["params"]
        return GanState(
            jnp.int32(0),
            params,
            task.optimizer.init(params),
            task.adversary.create(adversary_key, task.image_shape),
            jax.tree.map(jnp.copy, params),  # donation wants buffers of its own
        )

    state: GanState = create(key)
    return state


def latents(keys: Array, size: int) -> Array:
    """Normal numbers ``[B, size]`` for keys ``[B]``."""
    return jax.vmap(lambda key: jax.random.normal(key, (size,), jnp.float32))(keys)


def gan_step(
    task: GanTask, state: GanState, key: Array, batch: Batch, *, axis_name: str | None = None
) -> tuple[GanState, dict[str, Array]]:
    """One update of both networks on one batch; see ``training.step.train_step``.

    The scalars' ``loss_sum`` is the discriminator's; beside it ``generator_loss`` and what
    ``Discriminator.update`` returns. A latent vector depends on (key, step, example) alone.
    """
    z = latents(example_keys(key, state.step, batch.index), task.latent_size)

    def produce(params: Params) -> Array:
        logits: Any = task.model.apply({"params": params}, z)
        return jnp.asarray(logits)

    real = scale(batch.image)
    following, metrics = _adversarial_update(
        task, state, produce, _away_from_saturation, real, batch.mask, 1.0, axis_name
    )
    done = state.step.astype(jnp.float32) + 1.0
    kept = jnp.minimum(task.adversary.config.average, (1.0 + done) / (_FIRST + done))
    average = jax.tree.map(
        lambda mean, new: kept * mean + (1.0 - kept) * new, state.average, following.params
    )
    metrics["generator_loss"] = metrics.pop("opponent_loss")
    metrics["loss_sum"] = metrics.pop("discriminator_loss") * metrics["count"]
    return GanState(
        following.step, following.params, following.opt_state, following.adversary, average
    ), metrics


def _away_from_saturation(logits: Array) -> Array:
    """A faint pull of all logits towards zero, ``[B]``. Where the sigmoid saturates the opponent's
    gradient vanishes; images that were once black all over would stay so."""
    return _PULL * jnp.mean(jnp.square(logits), axis=(1, 2, 3))


def adversarial_step(
    task: Task, state: AdversarialState, key: Array, batch: Batch, *, axis_name: str | None = None
) -> tuple[AdversarialState, dict[str, Array]]:
    """One update of a denoiser and its discriminator; see ``training.step.train_step``.

    The denoiser makes ``objective + weight * opponent_loss`` small: the discriminator compares
    its images with clean ones, the objective each with its own. The scalars' ``loss_sum`` is the
    objective's; ``opponent_loss`` stands beside it.
    """
    examples = make_examples(task, state.step, key, batch)

    def produce(params: Params) -> Array:
        logits: Any = task.model.apply({"params": params}, *examples.noisy)
        return jnp.asarray(logits)

    def own_loss(logits: Array) -> Array:
        # Objectives that see the clean image ask for nothing but the network's answer.
        return task.objective(lambda image, level: logits, examples)

    assert task.adversary is not None
    weight = task.adversary.config.weight
    return _adversarial_update(
        task, state, produce, own_loss, examples.clean, batch.mask, weight, axis_name
    )


def _adversarial_update(
    task: Task | GanTask,
    state: AdversarialState,
    produce: Callable[[Params], Array],
    own_loss: Callable[[Array], Array],
    real: Array,
    mask: Array,
    adversarial_weight: float,
    axis_name: str | None,
) -> tuple[AdversarialState, dict[str, Array]]:
    """The discriminator's update, and then the other network's, on images made once."""
    adversary = task.adversary
    assert adversary is not None
    weight = mask.astype(jnp.float32)
    count = sum_over_devices(jnp.sum(weight), axis_name)
    logits, pull_back = jax.vjp(produce, state.params)
    critic, scores = adversary.update(
        state.adversary, real, to_image(logits), weight, count, axis_name
    )

    def loss_sum(logits: Array) -> tuple[Array, tuple[Array, Array]]:
        own, looks = own_loss(logits), adversary.opponent_loss(critic, to_image(logits))
        total = jnp.sum((own + adversarial_weight * looks) * weight)
        return total, (jnp.sum(own * weight), jnp.sum(looks * weight))

    (_, totals), change = jax.value_and_grad(loss_sum, has_aux=True)(logits)
    (gradient,) = pull_back(change)
    totals, gradient = sum_over_devices((totals, gradient), axis_name)
    done = apply_gradients(task.optimizer, gradient, count, state.params, state.opt_state)
    metrics = {
        **step_metrics(totals[0], count, task.schedule(state.step), done),
        "opponent_loss": totals[1] / count,
        **scores,
    }
    return AdversarialState(state.step + 1, done.params, done.opt_state, critic), metrics
