"""Pure adversarial training steps, for a GAN and for a denoiser with an adversarial loss.

One step updates both networks, the discriminator first.
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

# Ramp of the parameters' moving average: its decay after n steps is at most (1 + n) / (10 + n),
# so that the random initial parameters are soon forgotten.
_FIRST = 10.0
# Weight of the squared logits; faint against the adversarial term.
_PULL = 1e-4


@flax.struct.dataclass
class GanState(AdversarialState):
    """GAN training state: ``params`` of the generator, ``average`` their moving average."""

    average: Params


@dataclass(frozen=True)
class GanTask:
    """GAN training as functions."""

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
    """Builds the GAN of ``experiment`` for images of shape ``[H, W, C]``."""
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
    """Creates the initial state as one program, so that the compilation cache applies."""

    @jax.jit
    def create(key: Array) -> GanState:
        maker_key, adversary_key = jax.random.split(key)
        params = task.model.init(maker_key, jnp.zeros((1, task.latent_size)))["params"]
        return GanState(
            jnp.int32(0),
            params,
            task.optimizer.init(params),
            task.adversary.create(adversary_key, task.image_shape),
            jax.tree.map(jnp.copy, params),  # a donated buffer must not be shared
        )

    state: GanState = create(key)
    return state


def latents(keys: Array, size: int) -> Array:
    """Draws standard normal latents ``[B, size]`` from keys ``[B]``."""
    return jax.vmap(lambda key: jax.random.normal(key, (size,), jnp.float32))(keys)


def gan_step(
    task: GanTask, state: GanState, key: Array, batch: Batch, *, axis_name: str | None = None
) -> tuple[GanState, dict[str, Array]]:
    """Performs one update of generator and discriminator; see ``training.step.train_step``.

    Metrics: ``loss_sum`` of the discriminator, ``generator_loss``, and those of
    ``Discriminator.update``. A latent depends on (key, step, example) alone.
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
    """Returns a small penalty on the magnitude of logits, ``[B]``.

    The generator's gradient vanishes where the sigmoid saturates; without the penalty, images that
    are black everywhere stay black.
    """
    return _PULL * jnp.mean(jnp.square(logits), axis=(1, 2, 3))


def adversarial_step(
    task: Task, state: AdversarialState, key: Array, batch: Batch, *, axis_name: str | None = None
) -> tuple[AdversarialState, dict[str, Array]]:
    """Performs one update of a denoiser and its discriminator; see ``training.step.train_step``.

    The denoiser minimises ``objective + weight * opponent_loss``. The discriminator compares the
    distributions of restored and clean images, the objective each image with its own reference.
    Metrics: ``loss_sum`` of the objective, ``opponent_loss``, and those of
    ``Discriminator.update``.
    """
    examples = make_examples(task, state.step, key, batch)

    def produce(params: Params) -> Array:
        logits: Any = task.model.apply({"params": params}, *examples.noisy)
        return jnp.asarray(logits)

    def own_loss(logits: Array) -> Array:
        # Supervised objectives evaluate the network once, at the noisy input: its logits suffice.
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
    """Updates the discriminator, then its opponent, on the same generated images."""
    adversary = task.adversary
    assert adversary is not None
    weight = mask.astype(jnp.float32)
    count = sum_over_devices(jnp.sum(weight), axis_name)
    # One forward pass serves both updates: the opponent's gradient goes through ``pull_back``
    # once the discriminator has moved.
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
