"""How much does training on 200 noisy photographs cost, and is its estimate of the PSNR right?

python -m experiments.photographs photographs --grey --root=wallpapers     # see there
python -m experiments.noisy_photographs photographs [--update]

Cuts 200 pieces from the photographs to train and 60 to test, writes them with Gaussian noise as
TIFF of floats, and trains on them alone by ``--dataset=noisy:DIR``; then trains the same network on
the clean pieces with noise added. The squares of both are mirrored and turned. The clean test
pieces are kept aside for the comparison. Runs that are there are not trained again. The answer is
in experiments/results/noisy_photographs.md.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

import aedenoise
from aedenoise.config import DataConfig, Experiment, NoiseConfig
from aedenoise.data.noisy_folder import cut_squares
from experiments.output import add_update_flag, results_folder, write_results
from experiments.speed.machine import describe

RUNS = Path("runs/noisy_photographs")
# As many for testing as decide how much energy their noise has by chance, to a thousandth.
LEVELS, PIECES, SIDE, EPOCHS = (0.1, 0.25), {"train": 200, "test": 60}, 256, 12


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.noisy_photographs")
    parser.add_argument("folder", type=Path, help="photographs, see experiments.photographs")
    add_update_flag(parser)
    arguments = parser.parse_args()
    place = results_folder(arguments.update, RUNS)
    lines = [
        "# Noisy photographs only",
        "",
        f"{PIECES['train']} pieces of grey photographs, {SIDE} pixels wide, with Gaussian "
        f"noise, not clipped; {EPOCHS} epochs, one seed. Mean PSNR over {PIECES['test']} test "
        "pieces, in dB; the PSNR of the mean error over the squares that they are cut to, as "
        "measured with the clean pieces and as estimated without them, with the interval that the "
        f"estimate states. Seconds are of training: {describe()}. Written by "
        "`python -m experiments.noisy_photographs --update`.",
        "",
        "| noise | trained on | loss | guessed level | PSNR | of clean | of the mean error | "
        "estimated | stated interval | seconds |",
        f"|{' --- |' * 10}",
    ]
    clean = _cut(arguments.folder)
    for level in LEVELS:
        lines += _rows(level, clean["test"], _add_noise(clean, level))
        print("\n".join(lines[-2:]), flush=True)
    write_results(place, {"noisy_photographs.md": ("\n".join(lines) + "\n").encode()})


def _cut(folder: Path) -> dict[str, np.ndarray]:
    """Cuts the pieces, writes them, and returns them ``[N, H, W, 1]`` in [0, 1] by split."""
    rng = np.random.default_rng(2)
    pieces: dict[str, np.ndarray] = {}
    for split, count in PIECES.items():
        pictures = [Image.open(path) for path in sorted((folder / split).glob("*.png"))]
        # The smallest are too flat to show twice as many pieces.
        pictures = [picture for picture in pictures if min(picture.size) >= 2 * SIDE]
        cut = []
        place = RUNS / "clean" / split
        place.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture = pictures[number % len(pictures)]
            left, top = (int(rng.integers(0, length - SIDE)) for length in picture.size)
            piece = picture.convert("L").crop((left, top, left + SIDE, top + SIDE))
            piece.save(place / f"{number:03}.png")
            cut.append(np.asarray(piece, np.float32) / np.float32(255.0))
        pieces[split] = np.stack(cut)[..., None]
    return pieces


def _add_noise(clean: dict[str, np.ndarray], level: float) -> np.ndarray:
    """Writes the noisy pieces, and returns those for testing."""
    rng = np.random.default_rng(3)
    noisy: dict[str, np.ndarray] = {}
    for split, images in clean.items():
        noisy[split] = images + np.float32(level) * rng.standard_normal(images.shape, np.float32)
        place = RUNS / f"noisy-{level:g}" / split
        place.mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(noisy[split]):
            tifffile.imwrite(place / f"{number:03}.tif", image[..., 0])
    return noisy["test"]


def _rows(level: float, clean: np.ndarray, noisy: np.ndarray) -> list[str]:
    """Trains without and with clean pieces, and returns the rows of the table."""
    blind = aedenoise.train(
        dataset=f"noisy:{RUNS / f'noisy-{level:g}'}",
        epochs=EPOCHS,
        workdir=RUNS / f"blind-{level:g}",
    )
    told = aedenoise.train(_with_clean(blind.experiment, level), workdir=RUNS / f"clean-{level:g}")
    reference = _psnr(told, noisy, clean)[0]
    rows = []
    for run in (blind, told):
        if run.results is None:
            raise SystemExit(f"noisy_photographs: {run.workdir} was stopped; run this again")
        mean, of_mean = _psnr(run, noisy, clean)
        guessed = estimate = interval = ""
        if run is blind:
            found = aedenoise.evaluate(run.workdir)["estimates"]
            guessed = f"{run.experiment.noise.level:.4f}"
            estimate = f"{found['psnr_estimate']:.2f}"
            interval = f"{found['psnr_low']:.2f} to {found['psnr_high']:.2f}"
        rows.append(
            f"| {level:g} | {'noisy' if run is blind else 'clean'} | {run.experiment.loss} | "
            f"{guessed} | {mean:.2f} | {mean - reference:+.2f} | {of_mean:.2f} | {estimate} | "
            f"{interval} | {run.results['train']['seconds']:.0f} |"
        )
    return rows


def _with_clean(experiment: Experiment, level: float) -> Experiment:
    """Returns the experiment with the clean pieces, to which the true noise is added."""
    return replace(
        experiment,
        name="",
        data=DataConfig(
            dataset=f"folder:{RUNS / 'clean'}",
            fit="crop",
            turned=experiment.data.turned,
            image_size=experiment.data.image_size,
        ),
        noise=NoiseConfig(level=level, clip=False),
        loss="mse",
    )


def _psnr(run: aedenoise.TrainedRun, noisy: np.ndarray, clean: np.ndarray) -> tuple[float, float]:
    """Returns the mean PSNR of the pieces, and that of the mean error of their squares."""
    errors = np.square(run.denoise(noisy) - clean).mean(axis=(1, 2, 3))
    side = run.experiment.data.image_size
    squares = [_squares(each, side) for each in (noisy, clean)]
    error = np.square(run.denoise(squares[0]) - squares[1]).mean()
    return float(np.mean(-10.0 * np.log10(errors))), float(-10.0 * np.log10(error))


def _squares(pieces: np.ndarray, side: int) -> np.ndarray:
    """Cuts pieces ``[N, H, W, 1]`` into squares, as the dataset does."""
    return np.stack([square for piece in pieces for square in cut_squares(piece, side)])


if __name__ == "__main__":
    main()
