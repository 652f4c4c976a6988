"""What stands beside a network's result: classical denoisers, and single images."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise import metrics
from aedenoise.bench import Bench
from aedenoise.data.batches import eval_batches
from aedenoise.evaluation.baselines import tuned_baselines
from aedenoise.evaluation.evaluate import evaluation_key, noisy_images
from aedenoise.experiment import NO_NOISE
from aedenoise.files import cache_folder, write_atomically
from aedenoise.noise import Noisy
from aedenoise.training.step import scale
from aedenoise.training.task import Params

# Of anything below; results of another number are not taken from the cache.
VERSION = 1
# Classical denoisers are slow: they are tuned and tested on so many images, and fitted to more.
TUNING_IMAGES = 96
TESTED_IMAGES = 400
FITTED_IMAGES = 15_000
# On larger images fewer, so that the whole takes seconds.
_PIXELS = TESTED_IMAGES * 28 * 28
_WORST = 20
_PERCENTILES = (5, 25, 50, 75, 95)
Scores = dict[str, dict[str, Any]]


def stand_beside(
    bench: Bench, params: Params, notify: Callable[[str], None] | None
) -> tuple[dict[str, Any], np.ndarray]:
    """What ``results.json`` holds beside the network's quality, and the worst images.

    ``notify`` gets a line before classical denoisers are tuned; without it, or without noise, they
    are left out.
    """
    spread, worst = image_scores(bench, params)
    if notify is None or bench.experiment.noise.kind == NO_NOISE:
        return {"per_image": spread}, worst
    baselines = {
        "images": compared_images(bench),
        "denoised": denoised_score(bench, params),
        "classical": baseline_scores(bench, notify),
    }
    return {"baselines": baselines, "per_image": spread}, worst


def baseline_scores(bench: Bench, notify: Callable[[str], None]) -> Scores:
    """Quality of each classical denoiser on evenly spaced test images, beside its setting.

    Taken from the user's cache folder where data and noise are those of an earlier run.
    """
    record = {
        "version": VERSION,
        "data": bench.dataset.digest,
        "splits": [len(bench.dataset.train.images), len(bench.dataset.test.images)],
        "noise": dataclasses.asdict(bench.experiment.noise),
    }
    name = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:32]
    place = cache_folder() / "baselines" / f"{name}.json"
    with suppress(OSError, ValueError, KeyError):
        kept = json.loads(place.read_text(encoding="utf-8"))
        if kept["of"] == record:
            return dict(kept["scores"])
    notify("tuning the classical denoisers to compare with, once for these data and this noise")
    scores = _measured(bench)
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(place, json.dumps({"of": record, "scores": scores}, indent=1).encode())
    return scores


def compared_images(bench: Bench) -> int:
    """On how many test images the classical denoisers are measured."""
    height, width, _ = bench.image_shape
    most = min(TESTED_IMAGES, max(8, _PIXELS // (height * width)))
    return min(most, len(bench.dataset.test.images))


def denoised_score(bench: Bench, params: Params) -> dict[str, Any]:
    """The network's quality on the same images."""
    clean, noisy = _pair(bench, bench.dataset.test.images, compared_images(bench), 0)
    return _score(bench.denoise(params, noisy), clean)


def image_scores(bench: Bench, params: Params) -> tuple[dict[str, Any], np.ndarray]:
    """How PSNR is spread over the test images: its percentiles, its mean in each class, and the
    worst images; and these as ``[3, N, H, W, C]``: original, noisy, denoised."""
    images, labels = bench.dataset.test.images, bench.dataset.test.labels
    values = []
    for batch in eval_batches(images, 256):
        clean = scale(jnp.asarray(batch.image))
        noisy = noisy_images(bench.task.corrupt, evaluation_key(), batch)
        error = metrics.mse(jnp.asarray(bench.denoise(params, noisy)), clean)
        values.append(np.asarray(metrics.psnr(error))[batch.mask])
    psnr = np.concatenate(values)
    worst = np.argsort(psnr, kind="stable")[:_WORST]
    names = bench.dataset.label_names
    spread = {
        "percentiles": {f"{p}": float(np.percentile(psnr, p)) for p in _PERCENTILES},
        "by_class": {
            names[label] if label < len(names) else str(label): float(psnr[labels == label].mean())
            for label in np.unique(labels)
        },
        "worst": [
            {"index": int(i), "label": int(labels[i]), "psnr": float(psnr[i])} for i in worst
        ],
    }
    return spread, np.stack(bench.examples(params, worst))


def _measured(bench: Bench) -> Scores:
    count = compared_images(bench)
    share = count / TESTED_IMAGES
    fitted = max(8, round(FITTED_IMAGES * share))
    clean, noisy = _pair(bench, bench.dataset.train.images, fitted, 1)
    tuning = max(8, round(TUNING_IMAGES * share))
    found = tuned_baselines(clean, np.asarray(noisy.image), tuning=tuning)
    clean, noisy = _pair(bench, bench.dataset.test.images, count, 0)
    scores: Scores = {}
    for baseline in found:
        result = np.clip(baseline.denoise(np.asarray(noisy.image)), 0.0, 1.0).astype(np.float32)
        scores[baseline.name] = {**_score(result, clean), "setting": baseline.setting}
    return scores


def _pair(bench: Bench, images: Any, count: int, step: int) -> tuple[np.ndarray, Noisy]:
    """Evenly spaced images, clean and with noise; ``step`` 0 is the evaluation's own."""
    chosen = np.linspace(0, len(images) - 1, min(count, len(images))).astype(np.int32)
    batch = next(eval_batches(np.asarray(images[chosen]), len(chosen)))._replace(index=chosen)
    key = evaluation_key() if step == 0 else jax.random.fold_in(evaluation_key(), step)
    noisy = noisy_images(bench.task.corrupt, key, batch)
    return np.asarray(scale(jnp.asarray(batch.image))), noisy


def _score(result: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    images, clean = jnp.asarray(result), jnp.asarray(reference)
    error = metrics.mse(images, clean)
    return {
        "psnr": float(jnp.mean(metrics.psnr(error))),
        "ssim": float(jnp.mean(metrics.ssim(images, clean))),
        "mse": float(jnp.mean(error)),
    }
