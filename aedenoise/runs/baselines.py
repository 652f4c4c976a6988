"""What stands beside a network's result: classical denoisers, and single images."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.data.batch import evenly_spaced
from aedenoise.data.batches import batch_of_rows, eval_batches
from aedenoise.evaluation.classical import methods_here, tuned_baselines
from aedenoise.evaluation.evaluate import evaluation_key, noisy_images
from aedenoise.files import cache_folder, write_atomically
from aedenoise.metrics import image_quality
from aedenoise.ops.images import scale
from aedenoise.ops.noise import Noisy
from aedenoise.runs.denoising import DenoisingWorkload
from aedenoise.training.task import Params

# Of anything below; results of another number are not taken from the cache.
VERSION = 2
# Classical denoisers are slow: they are tuned and tested on so many images, and fitted to more.
TUNING_IMAGES = 96
TESTED_IMAGES = 400
FITTED_IMAGES = 15_000
SHOWN_IMAGES = 12
# On larger images fewer, so that the whole takes seconds.
_PIXELS = TESTED_IMAGES * 28 * 28
_WORST = 20
_PERCENTILES = (5, 25, 50, 75, 95)
Scores = dict[str, dict[str, Any]]
# Rows of images by name, each float32 [N, H, W, C] in [0, 1].
Rows = dict[str, np.ndarray]


def evaluate_baselines(
    workload: DenoisingWorkload, params: Params, notify: Callable[[str], None] | None
) -> tuple[dict[str, Any], dict[str, Rows]]:
    """What ``results.json`` holds beside the network's quality; and pictures: the ``worst`` images,
    and what each of the ``baselines`` makes of some.

    ``notify`` gets a line before classical denoisers are tuned; without it, or without noise, they
    are left out.
    """
    spread, worst = image_scores(workload, params)
    if notify is None or len(workload.dataset.train.images) < 2:
        return {"per_image": spread}, {"worst": worst}
    denoised, rows = _compared(workload, params)
    if np.array_equal(rows["noisy"], rows["original"]):
        return {"per_image": spread}, {"worst": worst}
    scores, examples = baseline_scores(workload, notify)
    baselines = {"images": compared_images(workload), "denoised": denoised, "classical": scores}
    shown = {"original": rows["original"], "noisy": rows["noisy"], **examples}
    return (
        {"baselines": baselines, "per_image": spread},
        {"worst": worst, "baselines": {**shown, "denoised": rows["denoised"]}},
    )


def baseline_scores(
    workload: DenoisingWorkload, notify: Callable[[str], None]
) -> tuple[Scores, Rows]:
    """Quality of each classical denoiser on evenly spaced test images, beside its setting; and some
    of these images.

    Taken from the user's cache folder where data and noise are those of an earlier run.
    """
    record = {
        "version": VERSION,
        "methods": methods_here(),
        "data": workload.dataset.digest,
        "splits": [len(workload.dataset.train.images), len(workload.dataset.test.images)],
        "noise": dataclasses.asdict(workload.experiment.noise),
    }
    name = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:32]
    place = cache_folder() / "baselines" / f"{name}.npz"
    if "corruption" in workload.parts:  # a function has no name that the cache could trust
        notify("tuning the classical denoisers to compare with")
        return _measured(workload)
    with suppress(OSError, ValueError, KeyError, BadZipFile):
        kept, examples = _read(place)
        if kept["of"] == record:
            return kept["scores"], examples
    notify("tuning the classical denoisers to compare with, once for these data and this noise")
    scores, examples = _measured(workload)
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(place, _packed({"of": record, "scores": scores}, examples))
    return scores, examples


def _packed(record: Mapping[str, Any], examples: Rows) -> bytes:
    buffer = io.BytesIO()
    text = np.frombuffer(json.dumps(record).encode(), np.uint8)
    np.savez_compressed(buffer, text, *examples.values())
    return buffer.getvalue()


def _read(place: Path) -> tuple[dict[str, Any], Rows]:
    with np.load(place, allow_pickle=False) as arrays:
        text, *examples = (arrays[name] for name in arrays.files)
    kept: dict[str, Any] = json.loads(text.tobytes())
    return kept, dict(zip(kept["scores"], examples, strict=True))


def compared_images(workload: DenoisingWorkload) -> int:
    """On how many test images the classical denoisers are measured."""
    height, width, _ = workload.image_shape
    most = min(TESTED_IMAGES, max(8, _PIXELS // (height * width)))
    return min(most, len(workload.dataset.test.images))


def _compared(workload: DenoisingWorkload, params: Params) -> tuple[dict[str, Any], Rows]:
    """The network's quality on the same images, and some of them."""
    clean, noisy = _pair(workload, workload.dataset.test.images, compared_images(workload), 0)
    denoised = workload.denoise(params, noisy)
    rows = {"original": clean, "noisy": np.asarray(noisy.image), "denoised": denoised}
    shown = _shown(len(clean))
    return _score(denoised, clean), {name: row[shown] for name, row in rows.items()}


def _shown(count: int) -> np.ndarray:
    return evenly_spaced(count, SHOWN_IMAGES)


def image_scores(workload: DenoisingWorkload, params: Params) -> tuple[dict[str, Any], Rows]:
    """How PSNR is spread over the test images: its percentiles, its mean in each class, and the
    worst images; and these themselves: original, noisy, denoised."""
    images, labels = workload.dataset.test.images, workload.dataset.test.labels
    values = []
    for batch in eval_batches(images, 256):
        clean = scale(jnp.asarray(batch.image))
        noisy = noisy_images(workload.task.corrupt, evaluation_key(), batch)
        error = image_quality.mse(jnp.asarray(workload.denoise(params, noisy)), clean)
        values.append(np.asarray(image_quality.psnr_from_mse(error))[batch.mask])
    psnr = np.concatenate(values)
    worst = np.argsort(psnr, kind="stable")[:_WORST]
    names = workload.dataset.label_names
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
    rows = zip(("original", "noisy", "denoised"), workload.examples(params, worst), strict=True)
    return spread, dict(rows)


def _measured(workload: DenoisingWorkload) -> tuple[Scores, Rows]:
    count = compared_images(workload)
    share = count / TESTED_IMAGES
    fitted = max(8, round(FITTED_IMAGES * share))
    clean, noisy = _pair(workload, workload.dataset.train.images, fitted, 1)
    tuning = max(8, round(TUNING_IMAGES * share))
    found = tuned_baselines(clean, np.asarray(noisy.image), tuning=tuning)
    clean, noisy = _pair(workload, workload.dataset.test.images, count, 0)
    scores: Scores = {}
    examples: Rows = {}
    for baseline in found:
        result = np.clip(baseline.denoise(np.asarray(noisy.image)), 0.0, 1.0).astype(np.float32)
        scores[baseline.name] = {**_score(result, clean), "setting": baseline.setting}
        examples[baseline.name] = result[_shown(count)]
    return scores, examples


def _pair(
    workload: DenoisingWorkload, images: Any, count: int, step: int
) -> tuple[np.ndarray, Noisy]:
    """Evenly spaced images, clean and with noise; ``step`` 0 is the evaluation's own."""
    batch = batch_of_rows(images, evenly_spaced(len(images), count))
    key = evaluation_key() if step == 0 else jax.random.fold_in(evaluation_key(), step)
    noisy = noisy_images(workload.task.corrupt, key, batch)
    return np.asarray(scale(jnp.asarray(batch.image))), noisy


def _score(result: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    images, clean = jnp.asarray(result), jnp.asarray(reference)
    error = image_quality.mse(images, clean)
    return {
        "psnr": float(jnp.mean(image_quality.psnr_from_mse(error))),
        "ssim": float(jnp.mean(image_quality.ssim(images, clean))),
        "mse": float(jnp.mean(error)),
    }
