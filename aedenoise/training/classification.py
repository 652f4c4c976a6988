"""The training of a classifier, pure: its step, and the small changes that images get in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from aedenoise.config import OptimizerConfig
from aedenoise.data.batch import Batch
from aedenoise.models import Classifier
from aedenoise.ops.images import scale
from aedenoise.ops.noise import example_keys
from aedenoise.training.optimizer import make_optimizer, make_schedule
from aedenoise.training.task import Params, TrainState
from aedenoise.training.update import make_update, sum_over_devices

# How far an image is turned, sheared and stretched (as entries of a matrix around 1), and shifted
# (as a share of its sides), at most.
_LINEAR, _SHIFT = 0.15, 0.08
_OPTIMIZER = OptimizerConfig(learning_rate=4e-3, b2=0.99)


@dataclass(frozen=True)
class ClassifierTask:
    """What is trained, as functions.

    ``labels`` int ``[N]`` are those of the whole training split: a batch says by its index which
    of them are its own.
    """

    model: Classifier
    labels: Array
    optimizer: optax.GradientTransformation


def make_classifier_task(model: Classifier, labels: Array, total_steps: int) -> ClassifierTask:
    """The task of training ``model`` by Adam in ``total_steps``, its rate falling by a cosine."""
    schedule = make_schedule(_OPTIMIZER, total_steps)
    return ClassifierTask(model, labels, make_optimizer(_OPTIMIZER, schedule))


def create_classifier(
    task: ClassifierTask, key: Array, image_shape: tuple[int, int, int]
) -> TrainState:
    """The state before the first step, for images of shape ``[H, W, C]``."""
    params = task.model.init(key, jnp.zeros((1, *image_shape)))["params"]
    return TrainState(jnp.int32(0), params, task.optimizer.init(params))


def classification_step(
    task: ClassifierTask,
    state: TrainState,
    key: Array,
    batch: Batch,
    *,
    axis_name: str | None = None,
) -> tuple[TrainState, dict[str, Array]]:
    """One update on one batch: cross entropy of images that are a little ``distorted``.

    Arguments and return value are as in ``training.step.train_step``; the scalars are ``loss_sum``
    and ``count``.
    """
    keys = example_keys(key, state.step, batch.index)
    image = jax.vmap(distorted)(keys, scale(batch.image))
    labels = jnp.take(task.labels, batch.index)
    weight = batch.mask.astype(jnp.float32)

    def loss_sum(params: Params) -> Array:
        logits: Any = task.model.apply({"params": params}, image)
        return jnp.sum(_cross_entropy_on_file(logits, labels) * weight)

    count = sum_over_devices(jnp.sum(weight), axis_name)
    update = make_update(loss_sum, task.optimizer)
    done, total, _ = update(state.params, state.opt_state, count, axis_name)
    metrics = {"loss_sum": total, "count": count}
    return TrainState(state.step + 1, done.params, done.opt_state), metrics


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Computes the cross-entropy of each example in nats: ``[B, K]``, ``[B] -> [B]``."""
    values: Array = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return values


def _cross_entropy_on_file(logits: Array, labels: Array) -> Array:
    # The same in other roundings. Over a training the last bit of a gradient moves Frechet
    # distances by 2 %, and those on file come from a classifier trained with this one.
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
    return -chosen[:, 0]


def distorted(key: Array, image: Array) -> Array:
    """An image ``[H, W, C]`` a little turned, stretched, sheared and shifted, each at random and
    around its middle; between pixels it is bilinear, outside black."""
    height, width, _ = image.shape
    linear_key, shift_key = jax.random.split(key)
    linear = jnp.eye(2) + jax.random.uniform(linear_key, (2, 2), jnp.float32, -_LINEAR, _LINEAR)
    shift = jax.random.uniform(shift_key, (2,), jnp.float32, -_SHIFT, _SHIFT)
    top, left = (height - 1) / 2, (width - 1) / 2
    row, column = jnp.meshgrid(jnp.arange(height) - top, jnp.arange(width) - left, indexing="ij")
    return bilinear(
        image,
        linear[0, 0] * row + linear[0, 1] * column + top + shift[0] * height,
        linear[1, 0] * row + linear[1, 1] * column + left + shift[1] * width,
    )


def bilinear(image: Array, row: Array, column: Array) -> Array:
    """The values of ``image[H, W, C]`` at places ``row[...]`` and ``column[...]``, in pixels:
    ``[..., C]``, bilinear between pixels, 0 outside."""
    height, width, channels = image.shape
    padded = jnp.pad(image, ((1, 1), (1, 1), (0, 0))).reshape(-1, channels)
    top, down = _whole_and_rest(row, height)
    left, right = _whole_and_rest(column, width)
    corner = top * (width + 2) + left

    def at(offset: int) -> Array:
        return jnp.take(padded, corner + offset, axis=0)

    above = at(0) * (1.0 - right) + at(1) * right
    below = at(width + 2) * (1.0 - right) + at(width + 3) * right
    return above * (1.0 - down) + below * down


def _whole_and_rest(place: Array, size: int) -> tuple[Array, Array]:
    """The pixel at or before each place, with a border of one pixel, and how far beyond it is,
    ``[..., 1]``. Whatever lies farther out is as black as that border."""
    inside = jnp.clip(place, -1.0, float(size)) + 1.0
    whole = jnp.minimum(jnp.floor(inside), float(size))
    return whole.astype(jnp.int32), (inside - whole)[..., None]
