"""Keeps some training images for validation, so that settings are chosen without any test image.

python -m experiments.validation mnist notmnist/open

writes validation/mnist.npz and validation/notmnist-open.npz, for --dataset=npz:FILE: five sixths of
the training images for training, the others for testing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from aedenoise.config import DATASETS, DataConfig
from aedenoise.data.reading import load

FOLDER = Path("validation")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.validation")
    parser.add_argument("datasets", nargs="+", choices=DATASETS, metavar="DATASET")
    for name in parser.parse_args().datasets:
        path = write(name, FOLDER)
        print(f"the training images of {name} are in {path}")


def write(name: str, folder: Path) -> Path:
    """Writes the training images of a dataset in two parts, and returns the file."""
    train = load(DataConfig(dataset=name)).train
    images, labels = np.asarray(train.images), np.asarray(train.labels)
    # In an order of its own: a dataset may be sorted.
    order = np.random.default_rng(0).permutation(len(images))
    held_out, kept = np.split(order, [len(images) // 6])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.replace('/', '-')}.npz"
    np.savez(
        path,
        x_train=images[kept],
        y_train=labels[kept],
        x_test=images[held_out],
        y_test=labels[held_out],
    )
    return path


if __name__ == "__main__":
    main()
