"""Image datasets of TFDS's own catalogue, which only TensorFlow can prepare and read."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from aedenoise.errors import DataError


def require_tensorflow(name: str) -> None:
    """Raises ``DataError`` if TensorFlow is not installed."""
    if importlib.util.find_spec("tensorflow") is None:
        raise DataError(f"{name} needs TensorFlow; install it with pip install 'aedenoise[tfds]'")


def read_with_tensorflow(builder: Any, split: str) -> tuple[np.ndarray, np.ndarray]:
    """A prepared split as images uint8 ``[N, H, W, C]`` and labels int64 ``[N]``.

    Raises:
      DataError: if the split is missing, or its ``image`` is not uint8 of one size.
    """
    info = builder.info
    if split not in info.splits:
        raise DataError(f"{info.full_name} has no {split} split; it has {list(info.splits)}")
    if getattr(dict(info.features.items()).get("image"), "np_dtype", None) != np.uint8:
        raise DataError(f"{info.full_name} has no uint8 feature 'image'")
    config = tfds.ReadConfig(shuffle_seed=0, interleave_cycle_length=1)
    dataset = builder.as_dataset(split=split, shuffle_files=False, read_config=config)
    images, labels = [], []
    for example in tfds.as_numpy(dataset):
        images.append(example["image"])
        labels.append(example.get("label", 0))
    if len({image.shape for image in images}) != 1:
        raise DataError(f"the images of {info.full_name} are not all of one size")
    return np.stack(images), np.array(labels, np.int64)
