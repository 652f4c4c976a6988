"""Compares a network for a range of noise levels with networks trained at one level each.

python -m experiments.blind_levels --blind=runs/blind --single=runs/single

Writes ``blind.json`` into the folder of ``--single``; with ``--update`` into
``experiments/results``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import aedenoise
from aedenoise.data.batches import eval_batches
from aedenoise.data.reading import load
from aedenoise.evaluation.evaluate import evaluation_key, noisy_images
from aedenoise.metrics import image_quality
from aedenoise.ops.noise import corruption
from experiments.output import add_update_flag, results_folder, write_results

_BATCH = 500


def compare(blind: Path, single: Path) -> list[dict[str, float]]:
    """Measures PSNR in dB over the test images (mean of per-image values) at each level of a run in
    ``single``: of that run, and of ``blind`` with the level estimated or given."""
    network = aedenoise.load(blind)
    rows = []
    for folder in sorted(path.parent for path in single.glob("*/results.json")):
        own = aedenoise.load(folder)
        noise = own.experiment.noise
        if noise.level_max is not None or noise.kind != network.experiment.noise.kind:
            continue
        found: dict[str, list[Any]] = {"single": [], "guessed": [], "told": []}
        corrupt = corruption(noise)
        data = load(own.experiment.data, None, print).test.images
        for batch in eval_batches(data, _BATCH):
            noisy = jax.jit(noisy_images, static_argnums=0)(corrupt, evaluation_key(), batch)
            image = np.asarray(noisy.image)
            clean = jnp.asarray(batch.image, jnp.float32) / 255.0
            for name, denoised in (
                ("single", own(image)),
                ("guessed", network(image)),
                ("told", network(image, noise.level)),
            ):
                psnr = image_quality.psnr(jnp.asarray(denoised), clean)
                found[name].append(np.asarray(psnr)[batch.mask])
        means = {name: float(np.concatenate(parts).mean()) for name, parts in found.items()}
        rows.append({"level": noise.level, **means})
    return sorted(rows, key=lambda row: row["level"])


def sentence(epochs: int, rows: list[dict[str, float]]) -> str:
    """Returns the sentence for the header of the experiment."""
    lost = ", ".join(f"{row['single'] - row['guessed']:.2f} at {row['level']:g}" for row in rows)
    return f"it loses {lost} (dB; {epochs} epochs each, 1 seed)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blind", type=Path, required=True, help="workdir of the run")
    parser.add_argument("--single", type=Path, required=True, help="folder of runs at one level")
    add_update_flag(parser)
    given = parser.parse_args()
    rows = compare(given.blind, given.single)
    network = aedenoise.load(given.blind)
    record = {
        "experiment": dataclasses.asdict(network.experiment),
        "psnr": rows,
        "sentence": sentence(network.experiment.epochs, rows),
    }
    content = (json.dumps(record, indent=1) + "\n").encode()
    for row in rows:
        print("  ".join(f"{name} {value:.2f}" for name, value in row.items()))
    print(record["sentence"])
    write_results(results_folder(given.update, given.single), {"blind.json": content})


if __name__ == "__main__":
    main()
