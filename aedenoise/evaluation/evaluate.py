"""Quality of a denoiser over a split, with baselines that need no network.

Every image counts once: the last batch is padded and masked. The noise comes from a key that
is the same for every run, so that runs compare.
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
from aedenoise.ops.images import scale, to_image
from aedenoise.ops.noise import Corruption, Noisy, corrupt_batch
from aedenoise.training.task import Params

# Any fixed number would do; no run may choose it.
EVALUATION_SEED = 20_110_908
PREDICTIONS = ("denoised", "noisy", "black", "mean_image")
Results = dict[str, dict[str, float]]


class AbandonedError(Exception):
    """An evaluation was stopped before its end."""


def evaluation_key() -> Array:
    """Returns the noise key of every evaluation."""
    return jax.random.key(EVALUATION_SEED)


def noisy_images(corrupt: Corruption, key: Array, batch: Batch) -> Noisy:
    """Returns the network's noisy input for ``batch`` in an evaluation with ``key``."""
    return corrupt_batch(corrupt, key, 0, batch.index, scale(batch.image))


def make_eval_step(
    model: Autoencoder,
    corrupt: Corruption,
    mean_image: np.ndarray,
    metrics: Sequence[Metric] = METRICS,
) -> Callable[..., dict[str, dict[str, Array]]]:
    """Makes the pure function ``(params, key, batch, axis_name=None) -> sums over the batch``.

    Args:
      model: the network.
      corrupt: the corruption of the input.
      mean_image: the mean training image, float32 ``[H, W, C]`` in [0, 1].
      metrics: what is summed.
    """

    def eval_step(
        params: Params, key: Array, batch: Batch, *, axis_name: str | None = None
    ) -> dict[str, dict[str, Array]]:
        clean = scale(batch.image)
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
        if "bce" in values["denoised"]:  # exact, where the image is rounded to 0 or 1
            values["denoised"]["bce"] = reconstruction.bce(logits, clean)
        values["dataset"] = {
            "count": jnp.ones_like(batch.mask, jnp.float32),
            "bce_floor": reconstruction.bce_floor(clean),
        }
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
    """Computes the means over all batches of the sums that the compiled ``eval_fn`` returns.

    Returns:
      For each of ``PREDICTIONS`` the ``metrics`` by name (means of per-image values, unless named
      otherwise); and under ``dataset`` the ``count`` of images and their ``bce_floor``, the least
      cross-entropy, in nats per pixel.

    Raises:
      AbandonedError: if ``stop_requested`` says so between two batches.
    """
    key = evaluation_key()
    sums: list[Any] = []
    for batch in batches:
        if stop_requested():
            raise AbandonedError
        sums.append(eval_fn(params, key, batch))
        jax.block_until_ready(sums[-2:][0])  # else all are handed over before one is done
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
