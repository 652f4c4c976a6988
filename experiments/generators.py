"""Tables of GANs by decoder, and of denoisers by the weight of looking real.

python -m experiments.generators --runs=runs/gan,runs/gan-transpose
python -m experiments.generators --denoisers=runs/adversarial-0,runs/adversarial

Writes ``experiments/results/gan.{json,md}`` and ``adversarial.{json,md,png}``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import aedenoise
from aedenoise import metrics
from aedenoise.classify import classifier_of
from aedenoise.data.batches import eval_batches
from aedenoise.data.reading import load
from aedenoise.evaluation.evaluate import evaluation_key, noisy_images
from aedenoise.evaluation.likeness import frechet, gaussian_of
from aedenoise.files import write_atomically
from aedenoise.noise import corruption
from aedenoise.reporting.figures import write_figure
from aedenoise.workdir import Workdir, read_json

RESULTS = Path(__file__).parent / "results"
_IMAGES = 5000


def gan_row(folder: Path) -> dict[str, Any]:
    """What ``results.json`` of a GAN has, beside its decoder."""
    workdir = Workdir(folder)
    experiment, found = workdir.read_experiment(), read_json(workdir.results)
    return {
        "decoder": experiment.model.decoder,
        "dataset": found["dataset"]["name"],
        "epochs": experiment.epochs,
        "seed": experiment.seed,
        **{name: found[name] for name in ("made", "yardsticks", "nearest", "artifacts", "train")},
    }


def gan_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a page."""
    lines = [
        "# Generators by decoder\n",
        "Written by `python -m experiments.generators --runs=…`; "
        "[docs/gan.md](../../docs/gan.md) says what the columns are.\n",
        "| decoder | Fréchet distance | precision | recall | sure | rarest class "
        "| excess at 1/2, 1/4 | constant code, 2, 4 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        made, grid, flat = row["made"], row["artifacts"]["made"], row["artifacts"]["constant"]
        lines.append(
            f"| {row['decoder']} | {made['frechet']:.1f} | {made['precision']:.3f} "
            f"| {made['recall']:.3f} | {made['sure']:.1%} | {made['least_class']:.1%} "
            f"| {grid['excess_2']:+.1%}, {grid['excess_4']:+.1%} "
            f"| {flat['spread_2']:.4f}, {flat['spread_4']:.4f} |"
        )
    first = rows[0]
    for name, scores in first["yardsticks"].items():
        lines.append(
            f"| *{name.replace('_', ' ')}* | {scores['frechet']:.1f} | | | {scores['sure']:.1%} "
            "| | | |"
        )
    test = first["artifacts"]["test"]
    lines.append(
        f"| *test images* | | | | | | {test['excess_2']:+.1%}, {test['excess_4']:+.1%} | |"
    )
    lines.append(
        f"\n{first['dataset']}, {first['epochs']} epochs, seed {first['seed']}, one run each: "
        "differences of a few percent say nothing."
    )
    return "\n".join(lines) + "\n"


def denoiser_row(folder: Path) -> dict[str, Any]:
    """PSNR and SSIM of a denoiser over test images, how sharp they are (mean absolute difference
    of neighbours, as a share of that of the clean images), and their Frechet distance to these."""
    denoiser = aedenoise.load(folder)
    experiment = denoiser.experiment
    dataset = load(experiment.data, None, print)
    classifier = classifier_of(dataset, lowering="auto", notify=print)
    count = min(_IMAGES, len(dataset.test.images))
    chosen = np.linspace(0, len(dataset.test.images) - 1, count).astype(np.int32)
    batch = next(eval_batches(dataset.test.images[chosen], count))._replace(index=chosen)
    noisy = jax.jit(noisy_images, static_argnums=0)(
        corruption(experiment.noise), evaluation_key(), batch
    )
    clean = np.asarray(batch.image, np.float32) / np.float32(255.0)
    denoised = denoiser(np.asarray(noisy.image))
    error = metrics.mse(jnp.asarray(denoised), jnp.asarray(clean))
    return {
        "weight": experiment.adversary.weight,
        "noise": str(experiment.noise),
        "dataset": dataset.name,
        "epochs": experiment.epochs,
        "psnr": float(jnp.mean(metrics.psnr(error))),
        "ssim": float(jnp.mean(metrics.ssim(jnp.asarray(denoised), jnp.asarray(clean)))),
        "sharpness": _roughness(denoised) / _roughness(clean),
        "frechet": frechet(
            gaussian_of(classifier.features(clean)), gaussian_of(classifier.features(denoised))
        ),
    }


def _roughness(images: np.ndarray) -> float:
    return float(np.mean([np.abs(np.diff(images, axis=axis)).mean() for axis in (1, 2)]))


def denoiser_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a page."""
    lines = [
        "# Denoisers that look real\n",
        "Written by `python -m experiments.generators --denoisers=…`.\n",
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


def denoiser_figure(rows: Sequence[Mapping[str, Any]]) -> None:
    """PSNR over sharpness and over Frechet distance, a point for each weight."""
    figure = Figure(figsize=(7.0, 3.0), dpi=120)
    for axis, name in zip(figure.subplots(1, 2), ("sharpness", "frechet"), strict=True):
        axis.plot([row[name] for row in rows], [row["psnr"] for row in rows], "o-", lw=0.8)
        for row in rows:
            axis.annotate(f" {row['weight']:g}", (row[name], row["psnr"]), fontsize=7)
        axis.set_xlabel({"sharpness": "sharpness", "frechet": "Fréchet distance"}[name])
        axis.set_ylabel("PSNR, dB")
    figure.tight_layout()
    write_figure(RESULTS / "adversarial.png", figure, "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", default="", help="workdirs of GANs, as A,B")
    parser.add_argument("--denoisers", default="", help="workdirs of denoisers, as A,B")
    given = parser.parse_args()
    if given.runs:
        rows = [gan_row(Path(folder)) for folder in given.runs.split(",")]
        _write("gan", rows, gan_table(rows))
    if given.denoisers:
        rows = [denoiser_row(Path(folder)) for folder in given.denoisers.split(",")]
        rows.sort(key=lambda row: row["weight"])
        denoiser_figure(rows)
        _write("adversarial", rows, denoiser_table(rows))


def _write(name: str, rows: Sequence[Mapping[str, Any]], text: str) -> None:
    write_atomically(RESULTS / f"{name}.json", (json.dumps(rows, indent=1) + "\n").encode())
    write_atomically(RESULTS / f"{name}.md", text.encode())
    print(text)


if __name__ == "__main__":
    main()
