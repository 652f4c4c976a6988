"""Baselines of a denoiser: classical denoisers, and scores of single images."""

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
from aedenoise.ops.noise import Noisy, clean_images
from aedenoise.runs.denoising import DenoisingWorkload
from aedenoise.training.task import Params

# Version of this computation; cached results of another version are ignored.
VERSION = 2
# Numbers of images of 28 x 28 pixels. Classical denoisers are slow, so tuning and testing take few
# images; fitting is cheap and takes more.
TUNING_IMAGES = 96
TESTED_IMAGES = 400
FITTED_IMAGES = 15_000
SHOWN_IMAGES = 12
# Pixels to test on: larger images are fewer, so that the baselines take seconds at any size.
_PIXELS = TESTED_IMAGES * 28 * 28
_WORST = 20
_PERCENTILES = (5, 25, 50, 75, 95)
Scores = dict[str, dict[str, Any]]
# Rows of images by name, each float32 [N, H, W, C] in [0, 1].
Rows = dict[str, np.ndarray]


def evaluate_baselines(
    workload: DenoisingWorkload,
    params: Params,
    notify: Callable[[str], None] | None,
    *,
    bm3d: bool = False,
) -> tuple[dict[str, Any], dict[str, Rows]]:
    """Computes per-image scores of the network and scores of the classical denoisers.

    Args:
      workload: a denoiser, its data and its noise.
      params: parameters of the network.
      notify: receives a line before classical denoisers are tuned; None leaves them out. They are
        also left out if the images have no noise, or there is a single training image.
      bm3d: BM3D is one of the classical denoisers.

    Returns:
      Entries of ``results.json``, and rows of images by figure: the ``worst`` images, and examples
      of the ``baselines``.
    """
    spread, worst = image_scores(workload, params)
    if notify is None or len(workload.dataset.train.images) < 2:
        return {"per_image": spread}, {"worst": worst}
    denoised, rows = _compared(workload, params)
    # Settings are tuned in units of the noise's sigma, which is 0 here.
    if np.array_equal(rows["noisy"], rows["original"]):
        return {"per_image": spread}, {"worst": worst}
    scores, examples = baseline_scores(workload, notify, bm3d)
    baselines = {"images": compared_images(workload), "denoised": denoised, "classical": scores}
    shown = {"original": rows["original"], "noisy": rows["noisy"], **examples}
    return (
        {"baselines": baselines, "per_image": spread},
        {"worst": worst, "baselines": {**shown, "denoised": rows["denoised"]}},
    )


def baseline_scores(
    workload: DenoisingWorkload, notify: Callable[[str], None], bm3d: bool
) -> tuple[Scores, Rows]:
    """Returns quality and setting of each classical denoiser, and examples of its output.

    Evenly spaced test images are scored. Results are cached in the user's cache folder and reused
    by runs with the same data and noise.
    """
    # Everything that the scores depend on; the network is not among it.
    record = {
        "version": VERSION,
        "methods": methods_here(bm3d),
        "data": workload.dataset.digest,
        "splits": [len(workload.dataset.train.images), len(workload.dataset.test.images)],
        "noise": dataclasses.asdict(workload.experiment.noise),
    }
    name = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:32]
    place = cache_folder() / "baselines" / f"{name}.npz"
    # Two functions may share a name, so a custom corruption cannot be a cache key.
    if "corruption" in workload.parts:
        notify("tuning the classical denoisers")
        return _measured(workload, bm3d)
    # A missing, damaged or outdated file means computing again.
    with suppress(OSError, ValueError, KeyError, BadZipFile):
        kept, examples = _read(place)
        if kept["of"] == record:
            return kept["scores"], examples
    notify("tuning the classical denoisers, once for this data and noise")
    scores, examples = _measured(workload, bm3d)
    # The cache saves time only; a read-only home must not stop the run.
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(place, _packed({"of": record, "scores": scores}, examples))
    return scores, examples


def _packed(record: Mapping[str, Any], examples: Rows) -> bytes:
    buffer = io.BytesIO()
    # JSON as an array of bytes, so that one file is written atomically without pickle.
    text = np.frombuffer(json.dumps(record).encode(), np.uint8)
    np.savez_compressed(buffer, text, *examples.values())
    return buffer.getvalue()


def _read(place: Path) -> tuple[dict[str, Any], Rows]:
    with np.load(place, allow_pickle=False) as arrays:
        text, *examples = (arrays[name] for name in arrays.files)
    kept: dict[str, Any] = json.loads(text.tobytes())
    return kept, dict(zip(kept["scores"], examples, strict=True))


def compared_images(workload: DenoisingWorkload) -> int:
    """Returns the number of test images that the classical denoisers are scored on."""
    height, width, _ = workload.image_shape
    most = min(TESTED_IMAGES, max(8, _PIXELS // (height * width)))
    return min(most, len(workload.dataset.test.images))


def _compared(workload: DenoisingWorkload, params: Params) -> tuple[dict[str, Any], Rows]:
    """Scores the network on the images of the baselines; returns examples of them too."""
    clean, noisy = _pair(workload, workload.dataset.test.images, compared_images(workload), 0)
    denoised = workload.denoise(params, noisy)
    rows = {"original": clean, "noisy": np.asarray(noisy.image), "denoised": denoised}
    shown = _shown(len(clean))
    return _score(denoised, clean), {name: row[shown] for name, row in rows.items()}


def _shown(count: int) -> np.ndarray:
    return evenly_spaced(count, SHOWN_IMAGES)


def image_scores(workload: DenoisingWorkload, params: Params) -> tuple[dict[str, Any], Rows]:
    """Computes the distribution of PSNR (dB) over the test images.

    Returns:
      Percentiles, the mean of each class and the worst images; and the worst images themselves:
      original, noisy and denoised.
    """
    images, labels = workload.dataset.test.images, workload.dataset.test.labels
    values = []
    for batch in eval_batches(images, 256):
        clean = clean_images(workload.task.corrupt, jnp.asarray(batch.image))
        noisy = noisy_images(workload.task.corrupt, evaluation_key(), batch)
        error = image_quality.mse(jnp.asarray(workload.denoise(params, noisy)), clean)
        values.append(np.asarray(image_quality.psnr_from_mse(error))[batch.mask])
    psnr = np.concatenate(values)
    # Stable, so that equal scores give the same images on every machine.
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


def _measured(workload: DenoisingWorkload, bm3d: bool) -> tuple[Scores, Rows]:
    count = compared_images(workload)
    # All counts shrink alike where the images are large.
    share = count / TESTED_IMAGES
    fitted = max(8, round(FITTED_IMAGES * share))
    # Tuned on training images under noise of its own; the test noise is that of the evaluation.
    clean, noisy = _pair(workload, workload.dataset.train.images, fitted, 1)
    tuning = max(8, round(TUNING_IMAGES * share))
    found = tuned_baselines(clean, np.asarray(noisy.image), tuning=tuning, bm3d=bm3d)
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
    """Returns evenly spaced images, clean and noisy; ``step`` 0 selects the evaluation's noise."""
    batch = batch_of_rows(images, evenly_spaced(len(images), count))
    key = evaluation_key() if step == 0 else jax.random.fold_in(evaluation_key(), step)
    noisy = noisy_images(workload.task.corrupt, key, batch)
    return np.asarray(clean_images(workload.task.corrupt, jnp.asarray(batch.image))), noisy


def _score(result: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    images, clean = jnp.asarray(result), jnp.asarray(reference)
    error = image_quality.mse(images, clean)
    return {
        "psnr": float(jnp.mean(image_quality.psnr_from_mse(error))),
        "ssim": float(jnp.mean(image_quality.ssim(images, clean))),
        "mse": float(jnp.mean(error)),
    }
