"""Draws the noisy pictures of docs/samples, on which the commands of the documents run.

python -m experiments.samples

The letters are test images of ``notmnist/open``, which no network of this package was trained on.
``letter.png`` holds one, light on dark; ``page.png`` six rows of eight, dark on light. Both have
Gaussian noise of standard deviation 0.4, clipped, as in the default experiment.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aedenoise.data.picture_writing import encode_picture
from aedenoise.data.pixels import Picture
from aedenoise.files import write_atomically

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "samples"
PACKED = ROOT / "aedenoise" / "data" / "files" / "notmnist_open.npz"
ROWS, COLUMNS, GAP = 6, 8, 4
LEVEL = 0.4


def samples() -> dict[str, np.ndarray]:
    """Returns the pictures by file name, float32 ``[H, W, 1]`` in [0, 1]."""
    with np.load(PACKED) as packed:
        test = packed["image"][packed["test"]]
    # Evenly spaced, so that all ten letters occur.
    chosen = test[np.linspace(0, len(test) - 1, ROWS * COLUMNS).astype(int)] / 255.0
    cells = np.pad(chosen, ((0, 0), (GAP, GAP), (GAP, GAP)))
    side = cells.shape[1]
    page = cells.reshape(ROWS, COLUMNS, side, side).swapaxes(1, 2)
    page = 1.0 - page.reshape(ROWS * side, COLUMNS * side)
    rng = np.random.default_rng(0)
    return {"letter.png": _noisy(chosen[0], rng), "page.png": _noisy(page, rng)}


def _noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noisy = image + LEVEL * rng.standard_normal(image.shape)
    # Whole steps of 1/255, so that the file holds exactly these values.
    rounded: np.ndarray = np.round(np.clip(noisy, 0.0, 1.0) * 255.0) / 255.0
    return rounded.astype(np.float32)[..., None]


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, pixels in samples().items():
        write_atomically(FOLDER / name, encode_picture(Picture(pixels), ".png"))
