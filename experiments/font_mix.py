"""Is notmnist/open cut like the original notMNIST, and does it mix the same kinds of faces?

python -m experiments.font_mix --manual_dir=DIR        (DIR holds notMNIST_small.tar.gz)

Answer: yes; the table in aedenoise/data/NOTMNIST.md.

The cut is compared in numbers. The mix of text, display and script faces has to be estimated,
since the original has pictures of its fonts and no names of their kinds. Each of its fonts takes
the kind of the most similar face of notmnist/open, by the mean over all ten letters and pixels.
The error of this rule is measured on the faces of notmnist/open themselves, each judged by faces
of other designs ("counted", next to their true shares). The estimate is then corrected for these
errors: the shares that, multiplied by the confusion matrix, come nearest to the counts.
"""

from __future__ import annotations

import argparse
import csv
import tempfile

import numpy as np

from aedenoise.config import DataConfig
from aedenoise.data.builders import FILES
from aedenoise.data.reading import load
from aedenoise.data.sources import find_source
from aedenoise.data.statistics import describe

KINDS = ("text", "display", "script")
LETTERS = 10
BOX_INK = 32


def main() -> None:
    """Prints the shares of the kinds in both, and how well a kind is recognised."""
    parser = argparse.ArgumentParser(prog="python -m experiments.font_mix")
    parser.add_argument("--manual_dir", required=True, help="holds notMNIST_small.tar.gz")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images, original = _original(folder, arguments.manual_dir)
    with np.load(FILES / "notmnist_open.npz", allow_pickle=False) as packed:
        for name, of_name in (("original", images), ("open", packed["image"])):
            found = {**describe(of_name), **_boxes(of_name)}
            print(name, ", ".join(f"{key} {value:.3f}" for key, value in found.items()))
    faces, kinds, designs = _open_faces()
    same_design = designs[:, None] == designs[None, :]
    guessed = kinds[_nearest(faces, faces, same_design)]
    counted = kinds[_nearest(original, faces, None)]
    # errors[i, j]: the share of faces of kind j that are taken for kind i.
    errors = np.array(
        [[np.mean(guessed[kinds == j] == i) for j in range(len(KINDS))] for i in range(len(KINDS))]
    )
    shares = np.bincount(counted, minlength=len(KINDS)) / len(counted)
    print(f"{len(original)} fonts of the original, {len(faces)} faces of notmnist/open, all of A-J")
    print(f"{'':<10}{'open':>8}{'counted':>10}{'original':>10}{'counted':>10}{'recognised':>12}")
    corrected = _corrected(errors, shares)
    for i, kind in enumerate(KINDS):
        mine, taken = np.mean(kinds == i), np.mean(guessed == i)
        print(
            f"{kind:<10}{mine:>8.1%}{taken:>10.1%}{corrected[i]:>10.1%}{shares[i]:>10.1%}"
            f"{errors[i, i]:>12.1%}"
        )


def _boxes(images: np.ndarray) -> dict[str, float]:
    """Returns mean centre and mean size, in pixels, of the box of each image's ink (32 or more)."""
    found = {}
    for axis, size, centre in ((2, "height", "row"), (1, "width", "column")):
        ink = np.max(images, axis=axis) >= BOX_INK
        ink = ink[ink.any(axis=1)]
        first, last = ink.argmax(axis=1), ink.shape[1] - 1 - ink[:, ::-1].argmax(axis=1)
        found[size] = float(np.mean(last - first + 1))
        found[centre] = float(np.mean((first + last) / 2))
    return found


def _original(data_dir: str, manual_dir: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads all images ``[N, 28, 28]``, and the faces among them."""
    name = "notmnist/small"
    dataset = load(name, data_dir, print, manual_dir=manual_dir)
    source = find_source(DataConfig(dataset=name), data_dir, None)
    fonts = [source.stream(split).column("font") for split in ("train", "test")]
    images = np.concatenate([dataset.train.images[:], dataset.test.images[:]])
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    return images[..., 0], _complete(images, labels, np.concatenate(fonts))[0]


def _open_faces() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reads faces ``[N, pixels]``, their kinds and designs as numbers."""
    with np.load(FILES / "notmnist_open.npz", allow_pickle=False) as packed:
        faces, fonts = _complete(packed["image"], packed["label"], packed["font"])
    with open(FILES / "notmnist_open.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    names = sorted({row["group"] for row in rows})
    kinds = np.array([KINDS.index(row["kind"]) for row in rows])
    designs = np.array([names.index(row["group"]) for row in rows])
    return faces, kinds[fonts], designs[fonts]


def _complete(
    images: np.ndarray, labels: np.ndarray, fonts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the fonts with all letters, and these as float32 ``[N, pixels]``."""
    order = np.lexsort((labels, fonts))
    numbers, counts = np.unique(fonts, return_counts=True)
    whole = numbers[counts == LETTERS]
    chosen = order[np.isin(fonts[order], whole)]
    return images[chosen].reshape(len(whole), -1).astype(np.float32), whole


def _nearest(queries: np.ndarray, faces: np.ndarray, excluded: np.ndarray | None) -> np.ndarray:
    """Finds the index of the face nearest to each query, by mean absolute difference."""
    found = np.empty(len(queries), np.int64)
    for i, query in enumerate(queries):
        distance = np.abs(faces - query).mean(axis=1)
        if excluded is not None:
            distance[excluded[i]] = np.inf
        found[i] = distance.argmin()
    return found


def _corrected(errors: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Fits the shares of two kinds (the third is the rest) to the counts, on a fine grid."""
    steps = np.linspace(0, 1, 201)
    grid = np.array([(a, b, 1 - a - b) for a in steps for b in steps if a + b <= 1])
    best: np.ndarray = grid[np.square(grid @ errors.T - shares).sum(axis=1).argmin()]
    return best


if __name__ == "__main__":
    main()
