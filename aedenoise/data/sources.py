"""Dataset sources: packaged TFDS builders, TFDS's catalogue, image folders, NumPy files.

A source prepares its files and reads one split as arrays. ``reading`` adds the lock, the array
copies and the digest, in the same way for all sources.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow_datasets as tfds

from aedenoise.config import DataConfig, dataset_kind
from aedenoise.config.data import pair_folders
from aedenoise.data.image_folder import FolderSource
from aedenoise.data.lookup import (
    damaged_metadata,
    data_root,
    find_own_builder,
    make_builder,
    manual_folder,
    read_metadata,
)
from aedenoise.data.noisy_folder import NoisyFolderSource
from aedenoise.data.npz_source import NpzSource
from aedenoise.data.pair_source import PairSource
from aedenoise.data.patch_source import PatchSource
from aedenoise.data.streaming import Records
from aedenoise.errors import AedenoiseError, DataError, UsageError

Notify = Callable[[str], None]
# Images uint8 [N, H, W, C] and labels int64 [N].
Arrays = tuple[np.ndarray, np.ndarray]
_CHUNK = 4096
# Bytes of a split that are kept in memory.
MEMORY_BUDGET = 4 * 2**30


class Source(Protocol):
    """Dataset that can be prepared and read.

    Attributes:
      folder: folder of the prepared files.
      label_names: class names; empty if there are none or if only ``facts`` has them.
    """

    folder: Path
    label_names: tuple[str, ...]

    def ready(self) -> bool:
        """Returns True if the dataset was already prepared when this source was created."""

    def prepare(self, notify: Notify) -> None:
        """Prepares the files unless they exist; ``notify`` receives a line before any work."""

    def nbytes(self, split: str) -> int | None:
        """Returns the size of the split's images in bytes, or None if unknown before reading."""

    def read(self, split: str) -> Arrays:
        """Reads the whole split."""

    def stream(self, split: str) -> Records:
        """Returns the split's images without loading them; called only if ``nbytes`` is known."""

    def facts(self) -> dict[str, Any]:
        """Returns further facts as JSON values."""


def find_source(
    config: DataConfig,
    data_dir: str | None,
    manual_dir: str | None,
    memory_budget: int = MEMORY_BUDGET,
) -> Source:
    """Returns the source of ``config.dataset``; arguments are those of ``reading.load``.

    Raises:
      UsageError: if TFDS does not know the name, or a path is not a local one.
      DataError: if a folder, file or prepared data do not exist or cannot be read.
    """
    kind, name = dataset_kind(config.dataset)
    root = data_root(data_dir)
    if kind == "folder" and config.fit == "patches":
        return PatchSource(Path(name), root, config.image_size, config.turned)
    if kind == "folder":
        return FolderSource(Path(name), root, config.image_size, config.fit, memory_budget)
    if kind == "noisy":
        return NoisyFolderSource(Path(name), root, config.image_size, memory_budget)
    if kind == "pairs":
        noisy, clean = pair_folders(name)
        return PairSource(noisy, clean, root, config.image_size, config.turned)
    if kind == "arrays":
        raise UsageError("this run was trained on arrays; pass them again as data=(train, test)")
    if kind == "npz":
        return NpzSource(Path(name), root, memory_budget)
    manual = manual_folder(manual_dir)
    if kind == "own":
        return RecordsSource(find_own_builder(name, root, manual), manual)
    return TensorflowSource(make_builder(name, root), manual)


class RecordsSource:
    """TFDS dataset in ArrayRecord files, prepared and read without TensorFlow."""

    def __init__(self, builder: Any, manual_dir: Path | None) -> None:
        self._builder = builder
        self._manual_dir = manual_dir
        self.folder = Path(builder.data_path)
        label = dict(builder.info.features.items()).get("label")
        self.label_names = tuple(label.names or ()) if label is not None else ()

    def ready(self) -> bool:
        return bool(self._builder.info.splits)

    def prepare(self, notify: Notify) -> None:
        if (self.folder / "dataset_info.json").exists():
            return
        notify(f"preparing {self._builder.info.full_name} in {self.folder}")
        config = tfds.download.DownloadConfig(
            manual_dir=self._manual_dir and str(self._manual_dir), force_checksums_validation=True
        )
        tfds.disable_progress_bar()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self._builder.download_and_prepare(download_config=config)
        except RuntimeError as error:
            # ArrayRecord's writer reports a full disk as a RuntimeError with the text of the errno.
            full = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
            number = next((n for n in full if os.strerror(n) in str(error)), None)
            if number is None:
                raise
            raise OSError(number, os.strerror(number), str(self.folder)) from error
        if unreadable := self.facts().get("unreadable"):
            notify(f"skipped {len(unreadable)} unreadable images: {', '.join(unreadable)}")

    def nbytes(self, split: str) -> int | None:
        count = self._builder.info.splits[split].num_examples
        return int(count * np.prod(self._builder.info.features["image"].shape))

    def read(self, split: str) -> Arrays:
        records = self.stream(split)
        images = np.empty(records.shape, np.uint8)
        labels = np.empty(len(records), np.int64)
        for start in range(0, len(records), _CHUNK):
            rows = np.arange(start, min(start + _CHUNK, len(records)))
            examples = records.examples(rows)
            images[rows] = [example["image"] for example in examples]
            labels[rows] = [example["label"] for example in examples]
        return images, labels

    def stream(self, split: str) -> Records:
        try:
            source = self._builder.as_data_source(split=split)
        except Exception as error:  # TFDS raises many types for missing or damaged files
            raise damaged_metadata(self.folder, error) from error
        shape = tuple(self._builder.info.features["image"].shape)
        return Records(source, shape, str(self.folder))

    def facts(self) -> dict[str, Any]:
        return read_metadata(self._builder)


class TensorflowSource(RecordsSource):
    """Dataset of TFDS's own catalogue, which needs TensorFlow for preparing and reading."""

    def prepare(self, notify: Notify) -> None:
        name = self._builder.info.full_name
        if importlib.util.find_spec("tensorflow") is None:
            raise DataError(f"{name} needs TensorFlow; install it: pip install -e '.[tfds]'")
        try:
            super().prepare(notify)
        except AedenoiseError:
            raise
        except Exception as error:  # from the network, TensorFlow or the dataset's own code
            raise DataError(
                f"{name} cannot be prepared ({type(error).__name__}: {error}); see its page in the "
                "TFDS catalogue"
            ) from error
        for split in ("train", "test"):
            if split not in self._builder.info.splits:
                found = ", ".join(self._builder.info.splits)
                raise DataError(f"{name} has no {split} split; it has {found}")

    def nbytes(self, split: str) -> int | None:
        return None

    def read(self, split: str) -> Arrays:
        info = self._builder.info
        if getattr(dict(info.features.items()).get("image"), "np_dtype", None) != np.uint8:
            raise DataError(f"{info.full_name} has no uint8 feature 'image'")
        # The index of an example seeds its noise, so the reading order must be deterministic.
        config = tfds.ReadConfig(shuffle_seed=0, interleave_cycle_length=1)
        dataset = self._builder.as_dataset(split=split, shuffle_files=False, read_config=config)
        images, labels = [], []
        for example in tfds.as_numpy(dataset):
            images.append(example["image"])
            labels.append(example.get("label", 0))
        if len({image.shape for image in images}) != 1:
            raise DataError(f"{info.full_name} has images of several sizes; one size is needed")
        return np.stack(images), np.array(labels, np.int64)

    def stream(self, split: str) -> Records:
        raise DataError(f"{self._builder.info.full_name} cannot be streamed")
