"""How many channels of the code are alive, and does the error follow from their number?

python -m aedenoise.main --experiment=udacity            # seed 0; then --seed=1
python -m experiments.live_channels runs/udacity runs/udacity-seed1 [--update]

A channel whose ReLU is 0 for every image is dead: no gradient revives it. Counts, for each run of
one network, the channels of the code that answer any of 2,000 noisy training digits.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import aedenoise
from aedenoise.config import DataConfig
from aedenoise.data.batch import evenly_spaced
from aedenoise.data.reading import load
from aedenoise.ops.images import scale
from aedenoise.reporting.metrics_log import epoch_means
from aedenoise.training.workdir import Workdir
from experiments.output import add_update_flag, results_folder, write_results

IMAGES = 2000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.live_channels")
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs of udacity")
    add_update_flag(parser)
    arguments = parser.parse_args()
    folder = results_folder(arguments.update, arguments.runs[0].parent)
    lines = [
        "# Live channels",
        "",
        f"Channels of the code that are not 0 for all of {IMAGES:,} noisy training digits, and the "
        "training error of the last epoch. Written by `python -m experiments.live_channels`.",
        "",
        "| experiment | seed | epochs | live channels | training MSE |",
        "| --- | --- | --- | --- | --- |",
        *map(_row, arguments.runs),
    ]
    print("\n".join(lines[4:]))
    write_results(folder, {"live_channels.md": ("\n".join(lines) + "\n").encode()})


def _row(place: Path) -> str:
    run = aedenoise.load(place)
    experiment, workdir = run.experiment, Workdir(place)
    images = load(DataConfig(dataset=experiment.data.dataset)).train.images
    clean = scale(jnp.asarray(images[evenly_spaced(len(images), IMAGES)]))
    noise = experiment.noise.level * jax.random.normal(jax.random.key(0), clean.shape)
    noisy = jnp.clip(clean + noise, 0.0, 1.0)
    code: Any = run.model.apply({"params": run.params}, noisy, method="encode")
    live = np.count_nonzero(np.asarray(code).max(axis=(0, 1, 2)) > 0.0)
    per_epoch = workdir.read_config()["total_steps"] // experiment.epochs
    error = epoch_means(workdir.metrics, "train/loss", per_epoch).get(experiment.epochs)
    if error is None:
        raise SystemExit(f"live_channels: {place} lacks epoch {experiment.epochs}; finish it first")
    return (
        f"| {experiment.name} | {experiment.seed} | {experiment.epochs} | "
        f"{live} of {code.shape[-1]} | {error:.5f} |"
    )


if __name__ == "__main__":
    main()
