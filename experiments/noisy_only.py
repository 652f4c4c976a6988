"""How much does training without any clean picture cost, and is its estimate of the PSNR right?

python -m experiments.noisy_only
python -m experiments.noisy_only --update

Writes 6,000 digits of MNIST with Gaussian noise as TIFF of floats, trains on them alone by
``--dataset=noisy:DIR``, and trains the same network on the clean digits with noise added. The clean
test digits are kept aside for the comparison. Runs that are there are not trained again. The answer
is in experiments/results/noisy_only.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

import aedenoise
from aedenoise.data.reading import load
from experiments.output import add_update_flag, results_folder, write_results
from experiments.speed.machine import describe

RUNS = Path("runs/noisy_only")
LEVELS, TRAIN, TEST, EPOCHS = (0.2, 0.4), 5000, 1000, 8
# Losses without clean pictures ("": what the guess chooses), and of the same network with them.
BLIND, CLEAN = ("", "unsure", "noise2self"), ("mse", "bce")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.noisy_only")
    add_update_flag(parser)
    arguments = parser.parse_args()
    folder = results_folder(arguments.update, RUNS)
    lines = [
        "# Noisy pictures only",
        "",
        f"{TRAIN:,} digits of MNIST with Gaussian noise, not clipped; {EPOCHS} epochs, one seed. "
        f"PSNR of the mean error over {TEST:,} test digits, in dB: as measured with the clean "
        f"digits, and as estimated without them. Seconds are of training, on a machine that others "
        f"used too: {describe()}. Written by "
        "`python -m experiments.noisy_only --update`.",
        "",
        "| noise | trained on | loss | guessed level | PSNR | estimated | of clean MSE | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for level in LEVELS:
        clean, noisy = _digits(level)
        rows = [_row(level, loss, clean, noisy, blind=True) for loss in BLIND]
        rows += [_row(level, loss, clean, noisy, blind=False) for loss in CLEAN]
        reference = next(row["psnr"] for row in rows if row["loss"] == "mse")
        for row in rows:
            lines.append(_format(row, reference))
            print(lines[-1], flush=True)
    write_results(folder, {"noisy_only.md": ("\n".join(lines) + "\n").encode()})


def _digits(level: float) -> tuple[np.ndarray, np.ndarray]:
    """Writes the digits, and returns those for testing, clean and noisy ``[N, 28, 28, 1]``."""
    data = load("mnist")
    clean = {"train": data.train.images[:TRAIN], "test": data.test.images[:TEST]}
    RUNS.mkdir(parents=True, exist_ok=True)
    np.savez(RUNS / "clean.npz", x_train=clean["train"], x_test=clean["test"])
    rng = np.random.default_rng(0)
    noisy: dict[str, np.ndarray] = {}
    for split, images in clean.items():
        scaled = np.asarray(images, np.float32) / np.float32(255.0)
        noisy[split] = scaled + np.float32(level) * rng.standard_normal(scaled.shape, np.float32)
        place = RUNS / f"digits-{level:g}" / split
        place.mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(noisy[split]):
            path = place / f"{number:05}.tif"
            if not path.exists():
                tifffile.imwrite(path, image[..., 0])
    return np.asarray(clean["test"], np.float32) / np.float32(255.0), noisy["test"]


def _row(
    level: float, loss: str, clean: np.ndarray, noisy: np.ndarray, *, blind: bool
) -> dict[str, Any]:
    """Trains unless there are results, and returns the entries of a row."""
    workdir = RUNS / f"{'noisy' if blind else 'clean'}-{level:g}-{loss or 'chosen'}"
    flags = [f"--epochs={EPOCHS}", f"--workdir={workdir}", "--nobaselines"]
    flags += [f"--loss={loss}"] if loss else []
    if blind:
        flags.append(f"--dataset=noisy:{RUNS / f'digits-{level:g}'}")
    else:
        flags += [
            f"--dataset=npz:{RUNS / 'clean.npz'}",
            f"--noise_level={level:g}",
            "--nonoise_clip",
        ]
    if not (workdir / "results.json").is_file():
        command = [sys.executable, "-m", "aedenoise.main", *flags]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    results = json.loads((workdir / "results.json").read_text(encoding="utf-8"))
    network = aedenoise.load(workdir)
    error = float(np.mean(np.square(network(noisy) - clean)))
    return {
        "level": level,
        "blind": blind,
        "loss": network.experiment.loss,
        "guessed": network.experiment.noise.level if blind else None,
        "psnr": -10.0 * float(np.log10(error)),
        "estimate": results["estimates"]["psnr_estimate"] if blind else None,
        "seconds": results["train"]["seconds"],
    }


def _format(row: dict[str, Any], reference: float) -> str:
    guessed = f"{row['guessed']:.4f}" if row["blind"] else ""
    estimate = f"{row['estimate']:.2f}" if row["blind"] else ""
    trained = "noisy" if row["blind"] else "clean"
    return (
        f"| {row['level']:g} | {trained} | {row['loss']} | {guessed} | "
        f"{row['psnr']:.2f} | {estimate} | {row['psnr'] - reference:+.2f} | {row['seconds']:.0f} |"
    )


if __name__ == "__main__":
    main()
