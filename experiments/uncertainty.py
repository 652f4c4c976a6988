"""Do the 90 % intervals of the packed networks hold on photographs from elsewhere?

python -m experiments.uncertainty
python -m experiments.uncertainty --update      # experiments/results/uncertainty.md and .png

The pictures are those of experiments.pictures, which were in no training and in no calibration. The
figure has scikit-image's ``chelsea`` (by Stéfan van der Walt, CC0): noisy, denoised, and how sure
each pixel is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import aedenoise
from aedenoise.data.picture_writing import encode_picture
from aedenoise.data.pixels import Picture
from aedenoise.inference.denoiser import Denoiser
from experiments.output import add_update_flag, results_folder, write_results
from experiments.pictures import LEVELS, coloured_pictures, grey_pictures, with_noise
from experiments.speed.machine import describe

# The figure: the face of ``chelsea``, with fur, whiskers and even ground.
PART = (slice(10, 140), slice(35, 225))
LEVEL, GAP, BLACK_TO_WHITE = 0.1, 4, 0.15


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.uncertainty")
    add_update_flag(parser)
    folder = results_folder(parser.parse_args().update, Path("runs"))
    lines = [
        "# Intervals on photographs from elsewhere",
        "",
        "Share of the pixels whose clean value lies in the network's 90 % interval, and the mean "
        "half-width. Written by `python -m experiments.uncertainty --update`; "
        f"{describe()}.",
        "",
        f"| network | picture | {' | '.join(f'noise {level:g}' for level in LEVELS)} |",
        f"| --- | --- {'| --- ' * len(LEVELS)}|",
    ]
    for name, pictures in (("photos", grey_pictures()), ("photos_colour", coloured_pictures())):
        network = aedenoise.load(network=name)
        shares = []
        for title, clean in pictures:
            found = [_measure(network, clean, level) for level in LEVELS]
            shares.append([inside for inside, _ in found])
            cells = " | ".join(f"{inside:.1%} ({width:.3f})" for inside, width in found)
            lines.append(f"| {name} | {title} | {cells} |")
            print(lines[-1], flush=True)
        means = " | ".join(f"{share:.1%}" for share in np.mean(shares, axis=0))
        lines.append(f"| {name} | mean | {means} |")
    picture = encode_picture(Picture(_figure(dict(coloured_pictures())["chelsea"])), ".png")
    text = ("\n".join(lines) + "\n").encode()
    write_results(folder, {"uncertainty.md": text, "uncertainty.png": picture})


def _measure(network: Denoiser, clean: np.ndarray, level: float) -> tuple[float, float]:
    """Returns the share of pixels inside, and the mean half-width."""
    denoised, half_width = network.interval(with_noise(clean, level)[None])
    inside = np.abs(np.asarray(denoised)[0].reshape(clean.shape) - clean)
    width = np.asarray(half_width)[0].reshape(clean.shape)
    return float((inside <= width).mean()), float(width.mean())


def _figure(clean: np.ndarray) -> np.ndarray:
    """Returns noisy, denoised and half-widths in one row, ``[H, W, 3]``."""
    noisy = with_noise(clean, LEVEL)
    found = aedenoise.load(network="photos_colour").interval(noisy[None])
    denoised, half_width = (np.asarray(each)[0] for each in found)
    sure = half_width.mean(axis=-1, keepdims=True).repeat(3, axis=-1) / BLACK_TO_WHITE
    gap = np.ones((clean[PART].shape[0], GAP, 3), np.float32)
    row = [part for image in (clean, noisy, denoised, sure) for part in (gap, image[PART])]
    return np.concatenate(row[1:], axis=1, dtype=np.float32).clip(0.0, 1.0)


if __name__ == "__main__":
    main()
