"""Reading: a prepared dataset as one uint8 array per split.

The first reading prepares the TFDS dataset and keeps its arrays beside the records; later
readings map those arrays, checked by digest, in a fraction of a second.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from aedenoise.errors import DataError, StorageError
from aedenoise.files import exclusive_lock, remove, write_atomically

SPLITS = ("train", "test")
DIGEST = "digest.json"
_ARRAYS = ("image", "label")
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Split:
    """``images`` uint8 ``[N, H, W, C]`` and ``labels`` int64 ``[N]``, in the dataset's order."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """A dataset held in memory.

    Attributes:
      name: full name, such as ``notmnist/open``.
      train, test: the splits.
      label_names: name of each class.
      digest: SHA-256 over the arrays of both splits: which data exactly a run used.
    """

    name: str
    train: Split
    test: Split
    label_names: tuple[str, ...]
    digest: str


def load(
    name: str, data_dir: str | None = None, notify: Callable[[str], None] = lambda line: None
) -> Dataset:
    """Loads a dataset, preparing it first if need be.

    Args:
      name: ``mnist`` or ``notmnist/open``.
      data_dir: where prepared datasets live; None is TFDS's default (``TFDS_DATA_DIR`` or
        ``~/tensorflow_datasets``).
      notify: gets one line before something that takes time.

    Raises:
      DataError: if the source or the prepared records cannot be read.
      StorageError: if ``data_dir`` cannot be written.
    """
    try:
        builder = tfds.builder(name, data_dir=data_dir)
        folder = Path(builder.data_path)
        # Intact copies need no lock, so a shared folder may be read-only.
        arrays = _read_copies(folder / "arrays", notify)
        if arrays is None:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with exclusive_lock(folder.parent / ".lock"):
                arrays = _prepare(builder, folder, notify)
    except PermissionError as error:
        raise StorageError(
            f"cannot write the dataset to {error.filename}: {error.strerror}; "
            "choose another place with --data_dir"
        ) from error
    splits = {s: Split(arrays[f"{s}_image"], arrays[f"{s}_label"]) for s in SPLITS}
    names = tuple(builder.info.features["label"].names)
    return Dataset(name, splits["train"], splits["test"], names, _digest(arrays))


def _prepare(builder: Any, folder: Path, notify: Callable[[str], None]) -> Arrays:
    """Makes whatever is missing: the records, then the copies. The caller holds the lock."""
    if not (folder / "dataset_info.json").exists():
        notify(f"preparing {builder.info.full_name} in {folder}")
        # Nobody else holds the lock, so what is unfinished here belongs to a process that died.
        for leftover in (*folder.parent.glob("incomplete.*"), folder):
            remove(leftover)
        tfds.disable_progress_bar()
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare()
    copies = folder / "arrays"
    arrays = _read_copies(copies, lambda line: None)
    if arrays is not None:  # another process made them while this one waited
        return arrays
    arrays = {}
    for split in SPLITS:
        examples = _read_records(builder, split)
        arrays[f"{split}_image"] = np.stack([e["image"] for e in examples])
        arrays[f"{split}_label"] = np.array([e["label"] for e in examples], np.int64)
    copies.mkdir(exist_ok=True)
    for key, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        write_atomically(copies / f"{key}.npy", buffer.getvalue())
    write_atomically(copies / DIGEST, json.dumps({"sha256": _digest(arrays)}).encode())
    return arrays


def _read_copies(copies: Path, notify: Callable[[str], None]) -> Arrays | None:
    """The arrays kept beside the records, or None if they are missing or not intact."""
    if not (copies / DIGEST).exists():
        return None
    with contextlib.suppress(OSError, ValueError, KeyError):
        arrays = {key: np.load(copies / f"{key}.npy", allow_pickle=False) for key in _keys()}
        if _digest(arrays) == json.loads((copies / DIGEST).read_text())["sha256"]:
            return arrays
    notify(f"the arrays in {copies} are damaged; reading the records again")
    return None


def _read_records(builder: Any, split: str) -> list[dict[str, Any]]:
    try:
        source = builder.as_data_source(split=split)
        return list(source.__getitems__(list(range(len(source)))))
    except (RuntimeError, ValueError, IndexError) as error:
        raise DataError(
            f"the records of {builder.info.full_name} in {builder.data_path} are damaged "
            f"({type(error).__name__}); remove that folder, and the next run prepares it again"
        ) from error


def _keys() -> Iterator[str]:
    return (f"{split}_{array}" for split in SPLITS for array in _ARRAYS)


def _digest(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 over name, dtype, shape and bytes of each array, in a fixed order."""
    digest = hashlib.sha256()
    for key in _keys():
        array = arrays[key]
        digest.update(f"{key} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
