"""Datasets made from a user's arrays."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from aedenoise.data.classes import name_classes
from aedenoise.data.reading import Dataset, Split
from aedenoise.errors import DataError

# (train images, test images), or with labels ((images, labels), (images, labels)).
Data = tuple[Any, Any]
NAME = "arrays:data"


def make_dataset(data: Data) -> Dataset:
    """Makes a dataset from arrays.

    Args:
      data: ``(train_images, test_images)``, each uint8, or float in [0, 1], of shape ``[N, H, W]``
        or ``[N, H, W, C]``; or ``((images, labels), (images, labels))`` with labels counted from
        0, int ``[N]``. Float images are rounded to 8 bits.

    Raises:
      DataError: if a shape, dtype or range is invalid; the message names the given value.
    """
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise DataError("data must be (train_images, test_images)")
    train, test = (_make_split(part, name) for part, name in zip(data, _SPLITS, strict=True))
    if train.images.shape[1:] != test.images.shape[1:]:
        raise DataError(
            f"training images have shape {train.images.shape[1:]}, test images "
            f"{test.images.shape[1:]}; they must agree"
        )
    digest = hashlib.sha256()
    for array in (train.images, train.labels, test.images, test.labels):
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    labels, names = name_classes(np.concatenate([train.labels, test.labels]))
    of_train, of_test = np.split(labels, [len(train.labels)])
    return Dataset(
        NAME,
        Split(train.images, of_train),
        Split(test.images, of_test),
        names,
        digest.hexdigest(),
        {},
    )


_SPLITS = ("training", "test")


def _make_split(part: Any, name: str) -> Split:
    images, labels = part if isinstance(part, tuple | list) and len(part) == 2 else (part, None)
    images = np.asarray(images)
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise DataError(f"{name} images must be [N, H, W] or [N, H, W, C], not {images.shape}")
    # Torch's layout is the likeliest mistake, so it has a message of its own.
    if images.ndim == 4 and images.shape[-1] not in (1, 3) and images.shape[1] in (1, 3):
        raise DataError(
            f"{name} images {images.shape} have their channels first; move them to the last axis"
        )
    if np.issubdtype(images.dtype, np.floating):
        # Written so that NaN, for which every comparison is false, is rejected too.
        if not (images.min() >= 0.0 and images.max() <= 1.0):
            raise DataError(
                f"float {name} images must be in [0, 1], not {images.min():g} to "
                f"{images.max():g}; scale them, or pass uint8"
            )
        images = np.round(images * 255.0).astype(np.uint8)
    if images.dtype != np.uint8:
        raise DataError(f"{name} images must be uint8, or float in [0, 1], not {images.dtype}")
    images = images if images.ndim == 4 else images[..., None]
    labels = np.zeros(len(images), np.int64) if labels is None else np.asarray(labels)
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"{name} labels must be {len(images)} integers, not {labels.dtype}{labels.shape}"
        )
    if labels.min() < 0:
        raise DataError(f"{name} labels must start at 0, not {labels.min()}")
    return Split(images, labels.astype(np.int64))
