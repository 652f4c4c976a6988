"""Does notmnist/open mix text, display and script faces as the original notMNIST does?

python -m experiments.font_mix --manual_dir=DIR        (DIR holds notMNIST_small.tar.gz)

The original says nothing of its fonts but their pictures. So each of its fonts takes the kind of
the face of notmnist/open that looks most like it, the mean over all ten letters and pixels; how
far that can be trusted is tried on the faces of notmnist/open themselves, each judged by faces of
other designs. The estimate is then corrected for those errors (the shares that, sent through the
matrix of errors, come nearest to what was counted).
"""

from __future__ import annotations

import argparse
import csv
import tempfile

import numpy as np

from aedenoise.data.builders import FILES
from aedenoise.data.reading import load
from aedenoise.data.sources import find_source
from aedenoise.experiment import DataConfig

KINDS = ("text", "display", "script")
LETTERS = 10


def main() -> None:
    """Prints the shares of the kinds in both, and how well a kind is recognised."""
    parser = argparse.ArgumentParser(prog="python -m experiments.font_mix")
    parser.add_argument("--manual_dir", required=True, help="holds notMNIST_small.tar.gz")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        original = _original_faces(folder, arguments.manual_dir)
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


def _original_faces(data_dir: str, manual_dir: str) -> np.ndarray:
    name = "notmnist/small"
    dataset = load(name, data_dir, print, manual_dir=manual_dir)
    source = find_source(DataConfig(dataset=name), data_dir, None)
    fonts = [source.stream(split)[0].column("font") for split in ("train", "test")]
    images = np.concatenate([dataset.train.images[:], dataset.test.images[:]])
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    return _complete(images, labels, np.concatenate(fonts))[0]


def _open_faces() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces ``[N, pixels]``, their kinds and designs as numbers."""
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
    """All letters of each font that has them, float32 ``[N, pixels]``; and the fonts."""
    order = np.lexsort((labels, fonts))
    numbers, counts = np.unique(fonts, return_counts=True)
    whole = numbers[counts == LETTERS]
    chosen = order[np.isin(fonts[order], whole)]
    return images[chosen].reshape(len(whole), -1).astype(np.float32), whole


def _nearest(queries: np.ndarray, faces: np.ndarray, excluded: np.ndarray | None) -> np.ndarray:
    """For each query the place of the nearest face, by mean absolute difference."""
    found = np.empty(len(queries), np.int64)
    for i, query in enumerate(queries):
        distance = np.abs(faces - query).mean(axis=1)
        if excluded is not None:
            distance[excluded[i]] = np.inf
        found[i] = distance.argmin()
    return found


def _corrected(errors: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The shares of two kinds on a fine grid (the third is the rest) that explain the counts."""
    steps = np.linspace(0, 1, 201)
    grid = np.array([(a, b, 1 - a - b) for a in steps for b in steps if a + b <= 1])
    best: np.ndarray = grid[np.square(grid @ errors.T - shares).sum(axis=1).argmin()]
    return best


if __name__ == "__main__":
    main()
