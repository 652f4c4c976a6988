"""Which optimizer reaches keras.io's best test BCE, 0.0837, in the fewest epochs?

python -m experiments.optimizers
python -m experiments.optimizers --update

Trains the networks of ``mnist_quality`` for five epochs with each of ``RECIPES``, and those of
``ELSEWHERE`` to see whether the gain is one of this network alone. Runs that are there are not
trained again. The answer is in experiments/results/optimizers.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.output import add_update_flag, results_folder, write_results
from experiments.speed.machine import describe

RUNS = Path("runs/optimizers")
TARGET, EPOCHS = 0.0837, 5
_MUON = ("--optimizer=muon",)


@dataclass(frozen=True)
class Recipe:
    """A run of five epochs by flags, on MNIST with noise 0.4 if they do not say otherwise."""

    name: str
    flags: tuple[str, ...] = ()
    decoders: tuple[str, ...] = ("upsample", "transpose")
    seeds: int = 1


_ADAM = ("--optimizer=adam", "--learning_rate=0.008")
RECIPES = (
    Recipe("Adam, rate 0.008", _ADAM),
    Recipe("Muon, rate 0.008", (*_MUON, "--learning_rate=0.008")),
    Recipe("Muon, rate 0.012", (*_MUON, "--learning_rate=0.012"), seeds=3),
)
_WIDE = (
    "--encoder_features=128,128",
    "--decoder_features=128,128",
    "--train_examples=10000",
)
ELSEWHERE = (
    Recipe("letters, Adam", ("--dataset=notmnist", *_ADAM)),
    Recipe("letters, Muon", ("--dataset=notmnist", *_MUON)),
    Recipe("16 times the parameters, Adam", (*_WIDE, *_ADAM), ("upsample",)),
    Recipe("16 times the parameters, Muon", (*_WIDE, *_MUON), ("upsample",)),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.optimizers")
    add_update_flag(parser)
    arguments = parser.parse_args()
    folder = results_folder(arguments.update, RUNS)
    lines = [
        "# Optimizers",
        "",
        f"Five epochs each; seconds are of training, on a machine that others used too: "
        f"{describe()}. Written by `python -m experiments.optimizers --update`.",
        "",
        "| recipe | decoder | seed | test BCE after each epoch | 0.0837 in epoch | dB | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for recipe in (*RECIPES, *ELSEWHERE):
        for decoder in recipe.decoders:
            for seed in range(recipe.seeds):
                lines.append(_row(recipe, decoder, seed))
                print(lines[-1], flush=True)
    write_results(folder, {"optimizers.md": ("\n".join(lines) + "\n").encode()})


def _row(recipe: Recipe, decoder: str, seed: int) -> str:
    workdir = _train(recipe, decoder, seed)
    results = json.loads((workdir / "results.json").read_text(encoding="utf-8"))
    curve = list(_curve(workdir / "metrics.jsonl"))
    reached = next((epoch for epoch, bce in enumerate(curve, 1) if round(bce, 4) <= TARGET), "-")
    if recipe in ELSEWHERE:
        reached = ""
    shown = ", ".join(f"{bce:.4f}" for bce in curve)
    return (
        f"| {recipe.name} | {decoder} | {seed} | {shown} | {reached} | "
        f"{results['eval']['psnr']:.2f} | {_training_seconds(results):.0f} |"
    )


def _training_seconds(results: dict[str, Any]) -> float:
    """Computes the time of training alone, without compilation and evaluations."""
    images = EPOCHS * float(results["dataset"]["train"])
    return images / float(results["train"]["images_per_second"])


def _train(recipe: Recipe, decoder: str, seed: int) -> Path:
    """Trains unless there are results, and returns the workdir."""
    name = f"{recipe.name}-{decoder}-{seed}".replace(" ", "-").replace(",", "")
    workdir = RUNS / name
    if not (workdir / "results.json").is_file():
        command = [sys.executable, "-m", "aedenoise.main", "--experiment=mnist_quality"]
        flags = [f"--decoder={decoder}", f"--seed={seed}", f"--workdir={workdir}", *recipe.flags]
        subprocess.run([*command, *flags, "--nobaselines"], check=True, stdout=subprocess.DEVNULL)
    return workdir


def _curve(metrics: Path) -> Iterator[float]:
    """Yields the test BCE after each epoch."""
    for line in metrics.read_text(encoding="utf-8").splitlines():
        values = json.loads(line)
        if "eval/bce" in values:
            yield values["eval/bce"]


if __name__ == "__main__":
    main()
