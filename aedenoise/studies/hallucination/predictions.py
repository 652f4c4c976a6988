"""What a classifier says of test images: clean, noisy, and denoised by one network."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.data.batches import eval_batches
from aedenoise.evaluation.classifier import TrainedClassifier
from aedenoise.evaluation.evaluate import evaluation_key, noisy_images
from aedenoise.metrics import image_quality
from aedenoise.metrics.class_changes import Changes, find_changes
from aedenoise.ops.images import scale
from aedenoise.runs.denoising import EVAL_BATCH, DenoisingWorkload
from aedenoise.training.task import Params


@dataclass(frozen=True)
class Verdict:
    """The changes of class in a test split, and PSNR in dB (mean of per-image values).

    Attributes:
      denoised, psnr: of the network's images.
      noisy, noisy_psnr: of its input.
    """

    denoised: Changes
    psnr: float
    noisy: Changes
    noisy_psnr: float


def judge(workload: DenoisingWorkload, params: Params, classifier: TrainedClassifier) -> Verdict:
    """Shows ``classifier`` every test image in its three states; the noise is the evaluation's."""
    corrupted = jax.jit(lambda batch: noisy_images(workload.task.corrupt, evaluation_key(), batch))
    said: dict[str, list[np.ndarray]] = {"clean": [], "noisy": [], "denoised": []}
    psnr: dict[str, list[np.ndarray]] = {"noisy": [], "denoised": []}
    for batch in eval_batches(workload.dataset.test.images, EVAL_BATCH):
        clean = scale(jnp.asarray(batch.image))
        noisy = corrupted(batch)
        states = {
            "clean": clean,
            "noisy": noisy.image,
            "denoised": jnp.asarray(workload.denoise(params, noisy)),
        }
        for name, images in states.items():
            said[name].append(classifier.probabilities(images)[batch.mask])
            if name != "clean":
                quality = image_quality.psnr(images, clean)
                psnr[name].append(np.asarray(quality)[batch.mask])
    spoken = {name: np.concatenate(parts) for name, parts in said.items()}
    labels = workload.dataset.test.labels
    return Verdict(
        denoised=find_changes(labels, spoken["clean"], spoken["denoised"]),
        psnr=float(np.concatenate(psnr["denoised"]).mean()),
        noisy=find_changes(labels, spoken["clean"], spoken["noisy"]),
        noisy_psnr=float(np.concatenate(psnr["noisy"]).mean()),
    )
