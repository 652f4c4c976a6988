"""Loading of datasets as one uint8 array per split.

The first load prepares the dataset and stores its arrays; later loads read those arrays, verified
by digest, in a fraction of a second. A split that exceeds the memory budget stays on disk.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from aedenoise.config import DataConfig
from aedenoise.data.npz import UNREADABLE, read_npy
from aedenoise.data.sources import MEMORY_BUDGET, Source, find_source
from aedenoise.data.splits import repetitions
from aedenoise.data.streaming import Records
from aedenoise.errors import DataError, StorageError
from aedenoise.files import exclusive_lock, remove, write_json, writing

SPLITS = ("train", "test")
RECORD = "digest.json"
_PARTS = ("image", "label")
_CHUNK = 2**16
Images = np.ndarray | Records
Arrays = dict[str, Any]


@dataclass(frozen=True)
class Split:
    """Images uint8 ``[N, H, W, C]`` and labels int64 ``[N]``, in the dataset's order."""

    images: Images
    labels: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """Dataset ready for use.

    Attributes:
      name: full name, such as ``notmnist/open``.
      train, test: splits.
      label_names: class names.
      digest: SHA-256 over the arrays of both splits, which identifies the data of a run.
      facts: further facts as JSON values: for every dataset ``repeated_in_train``,
        ``repeated_in_test`` and ``test_also_in_train`` (counts of images whose pixels occur
        earlier); for some also omitted images and the reason.
    """

    name: str
    train: Split
    test: Split
    label_names: tuple[str, ...]
    digest: str
    facts: dict[str, Any]

    @property
    def paired(self) -> bool:
        """Returns True if images ``[H, W, 2C]`` hold a noisy and a clean one, in this order."""
        return self.name.startswith("pairs:")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Returns height, width and channels of an image; of one of the two of a pair."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels // 2 if self.paired else channels


def load(
    data: DataConfig | str,
    data_dir: str | None = None,
    notify: Callable[[str], None] = lambda line: None,
    *,
    manual_dir: str | None = None,
    memory_budget: int = MEMORY_BUDGET,
) -> Dataset:
    """Loads a dataset, preparing it first if necessary.

    Args:
      data: configuration, or a name, short for ``DataConfig(dataset=name)``. All examples are
        loaded, regardless of ``train_examples`` and ``test_examples``.
      data_dir: folder of prepared datasets; None is TFDS's default (``TFDS_DATA_DIR`` or
        ``~/tensorflow_datasets``).
      notify: receives one line before slow work and about omitted images.
      manual_dir: folder of archives downloaded by the user.
      memory_budget: bytes; a larger split stays on disk if its source supports that, and images
        of a folder or file that take more are refused.

    Raises:
      UsageError: if the dataset's name is unknown.
      DataError: if the source or the prepared records are missing, unreadable or inconsistent.
      StorageError: if ``data_dir`` cannot be written.
    """
    config = DataConfig(dataset=data) if isinstance(data, str) else data
    if len(config.parts) > 1:
        return _joined(
            config.dataset,
            [
                load(
                    dataclasses.replace(config, dataset=name),
                    data_dir,
                    notify,
                    manual_dir=manual_dir,
                    memory_budget=memory_budget,
                )
                for name in config.parts
            ],
        )
    try:
        source = find_source(config, data_dir, manual_dir, memory_budget)
        # Intact copies are read without the lock, so a shared folder may be read-only.
        found = _read_copies(source, memory_budget, notify)
        if found is None:
            source.folder.parent.mkdir(parents=True, exist_ok=True)
            with exclusive_lock(source.folder.parent / ".lock"):
                # TFDS looks for prepared files once, when the builder is created; another process
                # may have prepared them while this one waited for the lock.
                source = find_source(config, data_dir, manual_dir, memory_budget)
                found = _prepare(source, memory_budget, notify)
    except OSError as error:
        raise StorageError(
            f"dataset cannot be stored in {error.filename or data_dir}: {error.strerror}; "
            "choose another folder with --data_dir"
        ) from error
    arrays, record = found
    splits = {s: Split(arrays[f"{s}_image"], arrays[f"{s}_label"]) for s in SPLITS}
    return Dataset(
        config.dataset,
        splits["train"],
        splits["test"],
        source.label_names or tuple(record["facts"].get("label_names", ())),
        record["sha256"],
        record["facts"],
    )


def _joined(name: str, members: list[Dataset]) -> Dataset:
    """Concatenates several datasets; each keeps its own classes, numbered consecutively."""
    shapes = {member.name: member.train.images.shape[1:] for member in members}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{each} {shape}" for each, shape in shapes.items())
        raise DataError(f"joined datasets need images of one shape, not {listed}")
    arrays: Arrays = {}
    for split in SPLITS:
        each = [getattr(member, split) for member in members]
        if not all(isinstance(part.images, np.ndarray) for part in each):
            raise DataError(f"{name} does not fit into memory; raise --memory_budget")
        arrays[f"{split}_image"] = np.concatenate([part.images for part in each])
        firsts = np.cumsum([0, *(len(member.label_names) for member in members)])
        arrays[f"{split}_label"] = np.concatenate(
            [part.labels + first for part, first in zip(each, firsts, strict=False)]
        )
    known = [member.facts["is_original"] for member in members if "is_original" in member.facts]
    return Dataset(
        name,
        Split(arrays["train_image"], arrays["train_label"]),
        Split(arrays["test_image"], arrays["test_label"]),
        tuple(label for member in members for label in member.label_names),
        _digest(arrays),
        {
            **repetitions(arrays["train_image"], arrays["test_image"]),
            # One member from another archive than the original makes the whole another.
            **({"is_original": all(known)} if known else {}),
        },
    )


def _prepare(
    source: Source, budget: int, notify: Callable[[str], None]
) -> tuple[Arrays, dict[str, Any]]:
    """Makes the records and then the array copies, if missing. The caller holds the lock."""
    found = _read_copies(source, budget, lambda line: None)
    if found is not None:  # another process made them while this one waited
        return found
    if not (source.folder / "dataset_info.json").exists():
        # TFDS writes dataset_info.json last. This process holds the lock, so unfinished files
        # belong to a process that died.
        for leftover in (*source.folder.parent.glob("incomplete.*"), source.folder):
            remove(leftover)
    source.prepare(notify)
    arrays: Arrays = {}
    for split in SPLITS:
        if _on_disk(source, split, budget):
            records = source.stream(split)
            arrays[f"{split}_image"] = records
            arrays[f"{split}_label"] = records.column("label").astype(np.int64)
        else:
            arrays[f"{split}_image"], arrays[f"{split}_label"] = source.read(split)
    facts = {**source.facts(), **repetitions(arrays["train_image"], arrays["test_image"])}
    record = {"sha256": _digest(arrays), "facts": facts}
    copies = source.folder / "arrays"
    copies.mkdir(parents=True, exist_ok=True)
    for leftover in copies.glob(".*"):  # half-written by a process that died
        remove(leftover)
    for key, array in arrays.items():
        if isinstance(array, np.ndarray):
            with writing(copies / f"{key}.npy") as file:
                np.save(file, array, allow_pickle=False)
    # Written last: its existence marks the copies as complete.
    write_json(copies / RECORD, record, indent=1)
    return arrays, record


def _read_copies(
    source: Source, budget: int, notify: Callable[[str], None]
) -> tuple[Arrays, dict[str, Any]] | None:
    """Reads the array copies in the dataset's folder; returns None if missing or damaged."""
    copies = source.folder / "arrays"
    if not (copies / RECORD).exists():
        return None
    if not source.ready():  # another process has just prepared it
        return None
    with contextlib.suppress(*UNREADABLE, KeyError, TypeError):
        record = json.loads((copies / RECORD).read_text(encoding="utf-8"))
        record = {"sha256": str(record["sha256"]), "facts": {**record["facts"]}}
        arrays: Arrays = {}
        streams = [split for split in SPLITS if _on_disk(source, split, budget)]
        for split in SPLITS:
            for part in _PARTS:
                if part == "image" and split in streams:
                    # Hashing would read the whole split; ArrayRecord verifies its own checksums.
                    arrays[f"{split}_image"] = source.stream(split)
                else:
                    arrays[f"{split}_{part}"] = read_npy(copies / f"{split}_{part}.npy")
        if streams or _digest(arrays) == record["sha256"]:
            return arrays, record
    notify(f"arrays in {copies} are damaged; reading the source again")
    return None


def _on_disk(source: Source, split: str, budget: int) -> bool:
    nbytes = source.nbytes(split)
    return nbytes is not None and nbytes > budget


def _keys() -> Iterator[str]:
    return (f"{split}_{part}" for split in SPLITS for part in _PARTS)


def _digest(arrays: Arrays) -> str:
    """Computes SHA-256 over name, dtype, shape and bytes of each array, in a fixed order."""
    digest = hashlib.sha256()
    for key in _keys():
        array = arrays[key]
        digest.update(f"{key} {array.dtype.str} {array.shape}\n".encode())
        for start in range(0, len(array), _CHUNK):
            digest.update(np.ascontiguousarray(array[start : start + _CHUNK]).data)
    return digest.hexdigest()
