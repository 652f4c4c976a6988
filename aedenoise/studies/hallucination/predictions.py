"""Class predictions for test images: clean, noisy, and denoised by one network."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.data.batches import eval_batches
from aedenoise.evaluation.classifier import TrainedClassifier
from aedenoise.evaluation.evaluate import evaluation_key, noisy_images
from aedenoise.metrics import image_quality
from aedenoise.metrics.label_flips import LabelFlips, find_label_flips
from aedenoise.ops.noise import clean_images
from aedenoise.runs.denoising import DenoisingWorkload
from aedenoise.runs.task_workload import EVAL_BATCH
from aedenoise.training.task import Params


@dataclass(frozen=True)
class Predictions:
    """Label flips in a test split, with PSNR in dB (mean of per-image values).

    Attributes:
      denoised, psnr: label flips and PSNR of the denoised images.
      noisy, noisy_psnr: label flips and PSNR of the noisy images.
    """

    denoised: LabelFlips
    psnr: float
    noisy: LabelFlips
    noisy_psnr: float


def predict_classes(
    workload: DenoisingWorkload, params: Params, classifier: TrainedClassifier
) -> Predictions:
    """Classifies every test image: clean, noisy and denoised.

    The noise is that of evaluation, so PSNR agrees with ``results.json``.
    """
    corrupted = jax.jit(lambda batch: noisy_images(workload.task.corrupt, evaluation_key(), batch))
    probabilities: dict[str, list[np.ndarray]] = {"clean": [], "noisy": [], "denoised": []}
    psnr: dict[str, list[np.ndarray]] = {"noisy": [], "denoised": []}
    for batch in eval_batches(workload.dataset.test.images, EVAL_BATCH):
        clean = clean_images(workload.task.corrupt, jnp.asarray(batch.image))
        noisy = corrupted(batch)
        states = {
            "clean": clean,
            "noisy": noisy.image,
            "denoised": jnp.asarray(workload.denoise(params, noisy)),
        }
        for name, images in states.items():
            # The mask removes the padding of the last batch.
            probabilities[name].append(classifier.probabilities(images)[batch.mask])
            if name != "clean":
                quality = image_quality.psnr(images, clean)
                psnr[name].append(np.asarray(quality)[batch.mask])
    found = {name: np.concatenate(each) for name, each in probabilities.items()}
    labels = workload.dataset.test.labels
    return Predictions(
        denoised=find_label_flips(labels, found["clean"], found["denoised"]),
        psnr=float(np.concatenate(psnr["denoised"]).mean()),
        noisy=find_label_flips(labels, found["clean"], found["noisy"]),
        noisy_psnr=float(np.concatenate(psnr["noisy"]).mean()),
    )
