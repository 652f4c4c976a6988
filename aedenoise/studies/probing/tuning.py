"""Fine-tuning task: a softmax layer on the code, trained together with the encoder.

Pure functions for the training loop of the denoiser.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise.config import OptimizerConfig
from aedenoise.config.options import ProbeOptions
from aedenoise.data.batch import Batch
from aedenoise.ops.images import scale
from aedenoise.ops.noise import example_keys, masking
from aedenoise.studies.probing.codes import Encode
from aedenoise.studies.probing.regression import Logistic
from aedenoise.training.classification import cross_entropy
from aedenoise.training.optimizer import Optimizer, Schedule, make_optimizer, make_schedule
from aedenoise.training.task import TrainState
from aedenoise.training.update import make_update, step_metrics, sum_over_devices


@dataclass(frozen=True)
class Tuning:
    """Fine-tuning task as functions and constants.

    Attributes:
      encode: function of parameters and images that returns codes ``[B, F]``.
      labels: labels of the training split, int32 ``[N]``.
      options: options with the masked share of pixels and the dropout rate of the code.
      optimizer, schedule: Adam with its learning-rate schedule.
    """

    encode: Encode
    labels: np.ndarray
    options: ProbeOptions
    optimizer: Optimizer
    schedule: Schedule


def make_tuning(
    encode: Encode, labels: np.ndarray, options: ProbeOptions, total_steps: int
) -> Tuning:
    """Makes the fine-tuning task for ``total_steps`` updates."""
    config = OptimizerConfig(name="adam", learning_rate=options.rate, warmup=0.0, b2=0.999)
    schedule = make_schedule(config, total_steps)
    optimizer = make_optimizer(config, schedule)
    return Tuning(encode, labels.astype(np.int32), options, optimizer, schedule)


def first_state(tuning: Tuning, params: Any, head: Logistic) -> TrainState:
    """Returns the initial state: the encoder of ``params`` and the regression ``head``."""
    both = {
        # Without the decoder, whose optimizer state would waste memory.
        "network": {"encoder": params["encoder"]},
        "head": {"kernel": jnp.asarray(head.weights), "bias": jnp.asarray(head.bias)},
    }
    return TrainState(jnp.int32(0), both, tuning.optimizer.init(both))


def tune_step(
    tuning: Tuning, state: TrainState, key: Array, batch: Batch, *, axis_name: str | None = None
) -> tuple[TrainState, dict[str, Array]]:
    """Updates the state on one batch, with masked pixels and dropout on the code.

    See ``training.step`` for arguments and return value.
    """
    options = tuning.options
    weight = batch.mask.astype(jnp.float32)
    labels = jnp.asarray(tuning.labels)[batch.index]
    keys = example_keys(key, state.step, batch.index)
    image = jax.vmap(masking, (0, 0, None))(keys, scale(batch.image), options.masking)

    def loss_sum(params: Any) -> Array:
        code = tuning.encode(params["network"], image)
        # A second stream of each example's key: independent of its masking, and of devices.
        kept = jax.vmap(
            lambda key: jax.random.bernoulli(
                jax.random.fold_in(key, 1), 1.0 - options.dropout, code.shape[1:]
            )
        )(keys)
        logits = _logits(params, jnp.where(kept, code / (1.0 - options.dropout), 0.0))
        return jnp.sum(cross_entropy(logits, labels) * weight)

    count = sum_over_devices(jnp.sum(weight), axis_name)
    update = make_update(loss_sum, tuning.optimizer)
    done, total, _ = update(state.params, state.opt_state, count, axis_name)
    metrics = step_metrics(total, count, tuning.schedule(state.step), done)
    return TrainState(state.step + 1, done.params, done.opt_state), metrics


def make_confusion_step(encode: Encode, labels: np.ndarray, classes: int) -> Callable[..., Array]:
    """Makes the pure function ``(params, key, batch, axis_name=None) -> [K, K]``.

    It returns the confusion table of a batch, true class by row. ``labels`` are those of the whole
    split.
    """

    def step(params: Any, key: Array, batch: Batch, *, axis_name: str | None = None) -> Array:
        logits = _logits(params, encode(params["network"], scale(batch.image)))
        guess = jax.nn.one_hot(jnp.argmax(logits, axis=1), classes)
        own = jax.nn.one_hot(jnp.asarray(labels.astype(np.int32))[batch.index], classes)
        # Sums of zeros and ones, exact in float32.
        found = jnp.einsum("bi,bj->ij", own * batch.mask[:, None], guess, precision="highest")
        summed: Array = found if axis_name is None else jax.lax.psum(found, axis_name)
        return summed

    return step


def _logits(params: Any, code: Array) -> Array:
    head = params["head"]
    # Accelerators may default to TF32, and predictions would then depend on the device.
    with jax.default_matmul_precision("float32"):
        logits: Array = code @ head["kernel"] + head["bias"][None]
    return logits
