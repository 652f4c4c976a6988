"""Trains denoisers that differ only in ``--adversarial_weight``, and tabulates them.

python -m experiments.adversarial_weights --folder=runs/adversarial-weights

Trains the runs that ``--folder`` does not hold yet, resumes stopped ones, and writes
``adversarial.{json,md,png}`` from the finished ones into that folder; with ``--update`` into
``experiments/results``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import aedenoise
from aedenoise.config import replace
from aedenoise.config.options import RunOptions
from aedenoise.data.batch import evenly_spaced
from aedenoise.data.batches import batch_of_rows
from aedenoise.data.reading import load
from aedenoise.errors import UsageError
from aedenoise.evaluation.classifier import load_classifier
from aedenoise.evaluation.evaluate import evaluation_key, noisy_images
from aedenoise.metrics import image_quality
from aedenoise.metrics.generative import fit_gaussian, frechet
from aedenoise.ops.images import scale_numpy
from aedenoise.ops.noise import corruption
from aedenoise.reporting.canvas import Figure
from aedenoise.reporting.figures import write_figure
from aedenoise.runs.train import train
from experiments.adversarial import EXPERIMENT
from experiments.output import (
    RESULTS,
    add_update_flag,
    check_nothing_lost,
    results_folder,
    write_results,
)

_WEIGHTS = "0,0.003,0.01,0.03"
_IMAGES = 5000
Row = Mapping[str, Any]


def row_of(folder: Path) -> dict[str, Any]:
    """Measures PSNR, SSIM, sharpness (mean absolute difference of neighbours, relative to clean
    images) and Frechet distance of a denoiser over test images."""
    denoiser = aedenoise.load(folder)
    experiment = denoiser.experiment
    dataset = load(experiment.data, None, print)
    classifier = load_classifier(dataset, lowering="auto", notify=print)
    chosen = evenly_spaced(len(dataset.test.images), _IMAGES)
    batch = batch_of_rows(dataset.test.images, chosen)
    noisy = jax.jit(noisy_images, static_argnums=0)(
        corruption(experiment.noise), evaluation_key(), batch
    )
    clean = scale_numpy(batch.image)
    denoised = denoiser(np.asarray(noisy.image))
    error = image_quality.mse(jnp.asarray(denoised), jnp.asarray(clean))
    return {
        "weight": experiment.adversary.weight,
        "noise": str(experiment.noise),
        "dataset": dataset.name,
        "epochs": experiment.epochs,
        "psnr": float(jnp.mean(image_quality.psnr_from_mse(error))),
        "ssim": float(jnp.mean(image_quality.ssim(jnp.asarray(denoised), jnp.asarray(clean)))),
        "sharpness": _roughness(denoised) / _roughness(clean),
        "frechet": frechet(
            fit_gaussian(classifier.features(clean)), fit_gaussian(classifier.features(denoised))
        ),
    }


def _weight(row: Row) -> str:
    return f"weight {row['weight']:g}"


def _roughness(images: np.ndarray) -> float:
    return float(np.mean([np.abs(np.diff(images, axis=axis)).mean() for axis in (1, 2)]))


def table(rows: Sequence[Row]) -> str:
    """Returns the rows as a page."""
    lines = [
        "# Denoisers that look real\n",
        "Written by `python -m experiments.adversarial_weights`.\n",
        "| `--adversarial_weight` | PSNR, dB | SSIM | sharpness | Fréchet distance |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {row['weight']:g} | {row['psnr']:.2f} | {row['ssim']:.4f} "
            f"| {row['sharpness']:.3f} | {row['frechet']:.2f} |"
            for row in rows
        ),
        f"\n{rows[0]['dataset']}, {rows[0]['noise']}, {rows[0]['epochs']} epochs, one seed. "
        "Sharpness: mean absolute difference of neighbouring pixels, 1 as in the clean images.",
    ]
    return "\n".join(lines) + "\n"


def draw(path: Path, rows: Sequence[Row]) -> None:
    """Draws PSNR over sharpness and over Frechet distance, a point for each weight."""
    figure = Figure(figsize=(7.0, 3.0), dpi=120)
    for axis, name in zip(figure.subplots(1, 2), ("sharpness", "frechet"), strict=True):
        axis.plot([row[name] for row in rows], [row["psnr"] for row in rows], "o-", lw=0.8)
        for row in rows:
            axis.annotate(f" {row['weight']:g}", (row[name], row["psnr"]), fontsize=7)
        axis.set_xlabel({"sharpness": "sharpness", "frechet": "Fréchet distance"}[name])
        axis.set_ylabel("PSNR, dB")
    figure.tight_layout()
    write_figure(path, figure, "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the runs are")
    parser.add_argument("--weights", default=_WEIGHTS, help="of the discriminator's term")
    add_update_flag(parser)
    given = parser.parse_args()
    for weight in map(float, given.weights.split(",")):
        experiment = replace(EXPERIMENT, {"adversary.weight": weight})
        if train(experiment, RunOptions(workdir=given.folder / f"{weight:g}")) is None:
            return 0
    finished = (path.parent for path in given.folder.glob("*/results.json"))
    rows = sorted(map(row_of, finished), key=lambda row: row["weight"])
    if given.update:
        committed = json.loads((RESULTS / "adversarial.json").read_text(encoding="utf-8"))
        try:
            check_nothing_lost(map(_weight, committed), map(_weight, rows))
        except UsageError as error:
            parser.error(str(error))
    print(table(rows))
    folder = results_folder(given.update, given.folder)
    draw(folder / "adversarial.png", rows)
    files = {
        "adversarial.json": (json.dumps(rows, indent=1) + "\n").encode(),
        "adversarial.md": table(rows).encode(),
    }
    write_results(folder, files)
    return 0


if __name__ == "__main__":
    sys.exit(main())
