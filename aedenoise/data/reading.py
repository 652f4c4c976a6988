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

from aedenoise.data.foreign import read_with_tensorflow, require_tensorflow
from aedenoise.errors import DataError, StorageError, UsageError
from aedenoise.experiment import FOREIGN
from aedenoise.files import exclusive_lock, remove, write_atomically

SPLITS = ("train", "test")
DIGEST = "digest.json"
_ARRAYS = ("image", "label")
Arrays = dict[str, np.ndarray]
# (builder, split) -> images uint8 [N, H, W, C], labels int64 [N]
ReadSplit = Callable[[Any, str], tuple[np.ndarray, np.ndarray]]


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
      name: ``mnist``, ``notmnist/open``, or ``tfds:NAME`` for one of TFDS's own image datasets,
        which needs TensorFlow and, the first time, the network.
      data_dir: where prepared datasets live; None is TFDS's default (``TFDS_DATA_DIR`` or
        ``~/tensorflow_datasets``).
      notify: gets one line before something that takes time.

    Raises:
      UsageError: if TFDS does not know the name.
      DataError: if the source or the prepared records cannot be read or do not fit.
      StorageError: if ``data_dir`` cannot be written.
    """
    try:
        builder, read_split = _find(name, data_dir)
        folder = Path(builder.data_path)
        # Intact copies need no lock, so a shared folder may be read-only.
        found = _read_copies(folder / "arrays", notify)
        if found is None:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with exclusive_lock(folder.parent / ".lock"):
                found = _prepare(builder, read_split, folder, notify)
    except OSError as error:
        raise StorageError(
            f"cannot keep the dataset in {error.filename or data_dir}: {error.strerror}; "
            "choose another place with --data_dir"
        ) from error
    arrays, digest = found
    splits = {s: Split(arrays[f"{s}_image"], arrays[f"{s}_label"]) for s in SPLITS}
    label = dict(builder.info.features.items()).get("label")
    return Dataset(
        name, splits["train"], splits["test"], tuple(label.names if label else ()), digest
    )


def _find(name: str, data_dir: str | None) -> tuple[Any, ReadSplit]:
    """The builder of a dataset, and how one of its prepared splits is read."""
    if not name.startswith(FOREIGN):
        return tfds.builder(name, data_dir=data_dir), _read_records
    require_tensorflow(name)
    try:
        builder = tfds.builder(name.removeprefix(FOREIGN), data_dir=data_dir)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise UsageError(f"TFDS knows no dataset {name.removeprefix(FOREIGN)!r}") from error
    return builder, read_with_tensorflow


def _prepare(
    builder: Any, read_split: ReadSplit, folder: Path, notify: Callable[[str], None]
) -> tuple[Arrays, str]:
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
    found = _read_copies(copies, lambda line: None)
    if found is not None:  # another process made them while this one waited
        return found
    arrays = {}
    for split in SPLITS:
        arrays[f"{split}_image"], arrays[f"{split}_label"] = read_split(builder, split)
    digest = _digest(arrays)
    copies.mkdir(exist_ok=True)
    for key, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        write_atomically(copies / f"{key}.npy", buffer.getvalue())
    write_atomically(copies / DIGEST, json.dumps({"sha256": digest}).encode())
    return arrays, digest


def _read_copies(copies: Path, notify: Callable[[str], None]) -> tuple[Arrays, str] | None:
    """The arrays kept beside the records, or None if they are missing or not intact."""
    if not (copies / DIGEST).exists():
        return None
    with contextlib.suppress(OSError, ValueError, KeyError):
        arrays = {key: np.load(copies / f"{key}.npy", allow_pickle=False) for key in _keys()}
        digest = _digest(arrays)
        if digest == json.loads((copies / DIGEST).read_text())["sha256"]:
            return arrays, digest
    notify(f"the arrays in {copies} are damaged; reading the records again")
    return None


def _read_records(builder: Any, split: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        source = builder.as_data_source(split=split)
        examples = source.__getitems__(list(range(len(source))))
    except (RuntimeError, ValueError, IndexError) as error:
        raise DataError(
            f"the records of {builder.info.full_name} in {builder.data_path} are damaged "
            f"({type(error).__name__}); remove that folder, and the next run prepares it again"
        ) from error
    labels = np.array([example["label"] for example in examples], np.int64)
    return np.stack([example["image"] for example in examples]), labels


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
