"""Evaluation of a denoiser over a split, with trivial baselines that need no network.

Every image counts once: the last batch is padded and masked. All runs use the same noise key, so
that their results are comparable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise.data.batch import Batch
from aedenoise.losses import reconstruction
from aedenoise.metrics.image_quality import METRICS, Metric
from aedenoise.models import Autoencoder
from aedenoise.ops import noise
from aedenoise.ops.images import to_image
from aedenoise.ops.noise import Corruption, Noisy
from aedenoise.training.task import Params

# An arbitrary constant, deliberately not configurable: results of all runs stay comparable.
EVALUATION_SEED = 20_110_908
PREDICTIONS = ("denoised", "noisy", "black", "mean_image")
Results = dict[str, dict[str, float]]


class AbandonedError(Exception):
    """Evaluation stopped before its last batch."""


def evaluation_key() -> Array:
    """Returns the noise key shared by all evaluations."""
    return jax.random.key(EVALUATION_SEED)


def noisy_images(corrupt: Corruption, key: Array, batch: Batch) -> Noisy:
    """Returns the noisy network input for ``batch`` in an evaluation with ``key``."""
    # Step 0 always: an image gets the same noise in every evaluation of a run.
    return noise.noisy_images(corrupt, key, 0, batch.index, batch.image)


def make_eval_step(
    model: Autoencoder,
    corrupt: Corruption,
    mean_image: np.ndarray,
    metrics: Sequence[Metric] = METRICS,
) -> Callable[..., dict[str, dict[str, Array]]]:
    """Makes the pure function ``(params, key, batch, axis_name=None) -> sums over the batch``.

    Args:
      model: the network.
      corrupt: corruption of the input.
      mean_image: mean training image, float32 ``[H, W, C]`` in [0, 1].
      metrics: metrics to sum.
    """

    def eval_step(
        params: Params, key: Array, batch: Batch, *, axis_name: str | None = None
    ) -> dict[str, dict[str, Array]]:
        clean = noise.clean_images(corrupt, batch.image)
        noisy = noisy_images(corrupt, key, batch)
        logits: Any = model.apply({"params": params}, *noisy)
        images = {
            "denoised": to_image(logits),
            "noisy": noisy.image,
            "black": jnp.zeros_like(clean),
            "mean_image": jnp.broadcast_to(jnp.asarray(mean_image), clean.shape),
        }
        values = {
            name: {m.name: m.per_image(image, clean) for m in metrics if m.per_image}
            for name, image in images.items()
        }
        if "bce" in values["denoised"]:  # from logits, exact where sigmoid rounds to 0 or 1
            values["denoised"]["bce"] = reconstruction.bce(logits, clean)
        values["dataset"] = {
            "count": jnp.ones_like(batch.mask, jnp.float32),
            "bce_floor": reconstruction.bce_floor(clean),
        }
        # ``where``, not a product: padding may hold NaN, and 0 times NaN is NaN.
        sums = jax.tree.map(lambda v: jnp.sum(jnp.where(batch.mask, v, 0.0)), values)
        summed: dict[str, dict[str, Array]] = (
            sums if axis_name is None else jax.lax.psum(sums, axis_name)
        )
        return summed

    return eval_step


def evaluate(
    eval_fn: Callable[[Any, Any, Any], Any],
    params: Params,
    batches: Iterable[Batch],
    stop_requested: Callable[[], bool] = lambda: False,
    metrics: Sequence[Metric] = METRICS,
) -> Results:
    """Computes means over all batches from the sums of the compiled ``eval_fn``.

    Args:
      eval_fn: compiled step ``(params, key, batch) -> sums``, see ``make_eval_step``.
      params: network parameters.
      batches: padded and masked batches of the split.
      stop_requested: polled before each batch.
      metrics: metrics summed by ``eval_fn``.

    Returns:
      For each of ``PREDICTIONS`` the ``metrics`` by name (means of per-image values, unless named
      otherwise); under ``dataset`` the ``count`` of images and their ``bce_floor``, the lowest
      possible cross-entropy, in nats per pixel.

    Raises:
      AbandonedError: if ``stop_requested`` returned True.
    """
    key = evaluation_key()
    sums: list[Any] = []
    for batch in batches:
        if stop_requested():
            raise AbandonedError
        sums.append(eval_fn(params, key, batch))
        # Waits for the batch before: one batch is computed while the next is transferred, and
        # the host cannot queue the whole split on the device.
        jax.block_until_ready(sums[-2:][0])
    # Summed in float64: float32 totals of a large split would lose digits.
    totals = jax.tree.map(
        lambda *parts: float(np.sum(parts, dtype=np.float64)), *jax.device_get(sums)
    )
    count = totals["dataset"].pop("count")
    results: Results = jax.tree.map(lambda total: total / count, totals)
    for name in PREDICTIONS:
        values = results[name]
        means = values | results["dataset"]
        values |= {m.name: m.from_means(means) for m in metrics if m.from_means}
    results["dataset"]["count"] = count
    return results
