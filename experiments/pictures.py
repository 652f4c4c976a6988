"""How much do the packed networks and classical denoisers improve pictures that no network saw?

python -m experiments.pictures
python -m experiments.pictures --update       # experiments/results/pictures.md
python -m experiments.pictures --workdir=runs/photos    # a run of your own instead

Photographs bundled with scikit-image and scikit-learn, 8 bits, with Gaussian noise of three levels
added and clipped, in grey and in colour. The classical methods are told the noise level, and of
their settings the best over all pictures is shown; the network is told nothing. BM3D is included if
the package bm3d is installed, whose licence allows non-commercial use only.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import sklearn.datasets
from PIL import Image
from skimage import restoration

import aedenoise
from experiments.output import add_update_flag, results_folder, write_results
from experiments.speed.machine import describe

LEVELS = (0.05, 0.1, 0.25)
COLOURED = ("astronaut", "chelsea", "coffee", "rocket", "retina", "hubble_deep_field")
GREY = ("camera", "coins", "moon", "page", "brick", "grass", "gravel", "text")
# Longest side in pixels: larger pictures are halved, for the sake of the slow methods.
LONGEST = 400
_NLM: dict[str, Any] = {"patch_size": 7, "patch_distance": 11, "fast_mode": True}
Denoise = Callable[[np.ndarray, float], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.pictures")
    add_update_flag(parser)
    parser.add_argument("--workdir", help="a run instead of the packed networks for photographs")
    arguments = parser.parse_args()
    folder = results_folder(arguments.update, Path("runs"))
    lines = [
        "# Photographs",
        "",
        "PSNR in dB of pictures that were in no training, with Gaussian noise, 8 bits. Written by "
        f"`python -m experiments.pictures --update`; {describe()}.",
    ]
    for name, pictures in (("grey", dict(grey_pictures())), ("colour", dict(coloured_pictures()))):
        packed = "photos" if name == "grey" else "photos_colour"
        network = aedenoise.load(arguments.workdir, network=None if arguments.workdir else packed)
        lines += ["", f"## {name.capitalize()}", "", *_table(pictures, network)]
        print("\n".join(lines[-len(pictures) * len(LEVELS) - 8 :]), flush=True)
    write_results(folder, {"pictures.md": ("\n".join(lines) + "\n").encode()})


def grey_pictures() -> Iterator[tuple[str, np.ndarray]]:
    """Yields names and pictures ``[H, W]`` in [0, 1]."""
    for name in GREY:
        yield name, _float(getattr(skimage.data, name)())
    for name, picture in coloured_pictures():
        yield name, picture @ np.array([0.299, 0.587, 0.114], np.float32)


def coloured_pictures() -> Iterator[tuple[str, np.ndarray]]:
    """Yields names and pictures ``[H, W, 3]`` in [0, 1]."""
    for name in COLOURED:
        yield name, _float(getattr(skimage.data, name)())
    for name in ("china", "flower"):
        yield name, _float(sklearn.datasets.load_sample_image(f"{name}.jpg"))


def _float(pixels: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(pixels)
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    while max(picture.size) > LONGEST:
        picture = picture.reduce(2)
    return np.asarray(picture, np.float32) / np.float32(255.0)


def _table(pictures: dict[str, np.ndarray], network: Any) -> list[str]:
    methods: dict[str, list[Denoise]] = {
        "photos": [lambda noisy, level: np.asarray(network(noisy[None])[0])],
        **_classical(),
    }
    lines = [
        f"| picture | noise | input | {' | '.join(methods)} | gain on the best |",
        f"| --- {'| --- ' * (len(methods) + 3)}|",
    ]
    for level in LEVELS:
        noisy = {name: with_noise(clean, level) for name, clean in pictures.items()}
        columns = [
            _best(variants, pictures, noisy, level)
            if name != "photos"
            else _scores(variants[0], pictures, noisy, level)
            for name, variants in methods.items()
        ]
        columns.insert(0, _scores(lambda image, level: image, pictures, noisy, level))
        for name in (*pictures, "mean"):
            row = [_of(column, name) for column in columns]
            best = max(row[2:])
            values = " | ".join(f"{value:.2f}" for value in row)
            lines.append(f"| {name} | {level:g} | {values} | {row[1] - best:+.2f} |")
    return lines


def _of(column: dict[str, float], name: str) -> float:
    return float(np.mean(list(column.values()))) if name == "mean" else column[name]


def with_noise(clean: np.ndarray, level: float) -> np.ndarray:
    """Adds Gaussian noise, clipped, as a file of 8 bits has it."""
    noise = np.random.default_rng(0).standard_normal(clean.shape, np.float32)
    rounded = np.round(np.clip(clean + level * noise, 0.0, 1.0) * np.float32(255.0))
    return np.asarray(rounded / np.float32(255.0), np.float32)


def _classical() -> dict[str, list[Denoise]]:
    found: dict[str, list[Denoise]] = {
        "non-local means": [partial(_non_local_means, h=h) for h in (0.5, 0.8, 1.0)],
        "total variation": [partial(_total_variation, weight=w) for w in (0.7, 1.0, 1.5)],
    }
    if importlib.util.find_spec("bm3d"):
        found["BM3D"] = [_bm3d]
    return found


def _non_local_means(image: np.ndarray, level: float, *, h: float) -> np.ndarray:
    settings = {**_NLM, "channel_axis": _axis(image)}
    return np.asarray(restoration.denoise_nl_means(image, h=h * level, sigma=level, **settings))


def _total_variation(image: np.ndarray, level: float, *, weight: float) -> np.ndarray:
    axis = _axis(image)
    return np.asarray(
        restoration.denoise_tv_chambolle(image, weight=weight * level, channel_axis=axis)
    )


def _bm3d(image: np.ndarray, level: float) -> np.ndarray:
    bm3d = importlib.import_module("bm3d")
    return np.asarray((bm3d.bm3d if image.ndim == 2 else bm3d.bm3d_rgb)(image, level))


def _axis(image: np.ndarray) -> int | None:
    return -1 if image.ndim == 3 else None


def _best(
    variants: list[Denoise],
    pictures: dict[str, np.ndarray],
    noisy: dict[str, np.ndarray],
    level: float,
) -> dict[str, float]:
    """Returns the scores of the setting that is best on average."""
    tried = [_scores(variant, pictures, noisy, level) for variant in variants]
    return max(tried, key=lambda scores: sum(scores.values()))


def _scores(
    denoise: Denoise, pictures: dict[str, np.ndarray], noisy: dict[str, np.ndarray], level: float
) -> dict[str, float]:
    return {
        name: _psnr(np.clip(denoise(noisy[name], level), 0.0, 1.0), clean)
        for name, clean in pictures.items()
    }


def _psnr(image: np.ndarray, clean: np.ndarray) -> float:
    return float(-10.0 * np.log10(np.mean(np.square(image - clean, dtype=np.float64))))


if __name__ == "__main__":
    main()
