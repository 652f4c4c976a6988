"""Pure training step of the classifier, and its data augmentation."""

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

# Bounds of the augmentation: entries of the linear map around the identity (rotation, shear,
# scaling), and shift as a fraction of height and width.
_LINEAR, _SHIFT = 0.15, 0.08
_OPTIMIZER = OptimizerConfig(name="adam", learning_rate=4e-3, b2=0.99)


@dataclass(frozen=True)
class ClassifierTask:
    """Classifier training as functions.

    Attributes:
      model: linen module, images to logits.
      labels: int ``[N]``, of the whole training split; a batch selects its own by ``index``.
      optimizer: Adam with a cosine schedule.
    """

    model: Classifier
    labels: Array
    optimizer: optax.GradientTransformation


def make_classifier_task(model: Classifier, labels: Array, total_steps: int) -> ClassifierTask:
    """Builds the task of training ``model`` with Adam and a cosine schedule of ``total_steps``."""
    schedule = make_schedule(_OPTIMIZER, total_steps)
    return ClassifierTask(model, labels, make_optimizer(_OPTIMIZER, schedule))


def create_classifier(
    task: ClassifierTask, key: Array, image_shape: tuple[int, int, int]
) -> TrainState:
    """Creates the initial state for images of shape ``[H, W, C]``."""
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
    """Performs one update on a batch: cross-entropy of ``distorted`` images.

    Arguments and return value are as in ``training.step.train_step``; the metrics are ``loss_sum``
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
    # Equals ``cross_entropy`` up to rounding. Over a whole training the last bit of a gradient
    # moves Frechet distances by 2 %, and the recorded ones come from this version.
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
    return -chosen[:, 0]


def distorted(key: Array, image: Array) -> Array:
    """Applies a small random affine map to an image ``[H, W, C]``, about its centre.

    Rotates, scales, shears and shifts with bilinear interpolation; pixels outside are black.
    """
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
    """Samples ``image[H, W, C]`` bilinearly; positions outside the image are 0.

    Args:
      image: ``[H, W, C]``.
      row, column: positions in pixels, any common shape ``[...]``.

    Returns:
      ``[..., C]``.
    """
    height, width, channels = image.shape
    # A border of one black pixel and flat indices: four gathers need no bounds check each.
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
    """Splits positions into whole pixels of the padded image and fractions ``[..., 1]``.

    Positions beyond the one-pixel border are clipped to it, which is black as well.
    """
    inside = jnp.clip(place, -1.0, float(size)) + 1.0
    # At the far edge the fraction becomes 1, so that the pixel after it still exists.
    whole = jnp.minimum(jnp.floor(inside), float(size))
    return whole.astype(jnp.int32), (inside - whole)[..., None]
