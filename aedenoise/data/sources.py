"""Where datasets come from: TFDS records of our own, TFDS's catalogue, a folder, a NumPy file.

A source prepares what it needs and reads one split as arrays. ``reading`` does the rest the same
way for all of them: the lock, the copies, the digest.
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
from aedenoise.data.streaming import Records
from aedenoise.data.user_files import FolderSource, NpzSource
from aedenoise.errors import AedenoiseError, DataError, UsageError

Notify = Callable[[str], None]
# Images uint8 [N, H, W, C] and labels int64 [N].
Arrays = tuple[np.ndarray, np.ndarray]
_CHUNK = 4096


class Source(Protocol):
    """A dataset before it is read.

    Attributes:
      folder: where what was prepared is kept.
      label_names: the name of each class, empty if there are none or only ``facts`` knows them.
    """

    folder: Path
    label_names: tuple[str, ...]

    def ready(self) -> bool:
        """Whether it was prepared when this source was found."""

    def prepare(self, notify: Notify) -> None:
        """Makes what reading needs, unless it is there; ``notify`` gets a line before work."""

    def nbytes(self, split: str) -> int | None:
        """Bytes of the split's images, or None if only reading can tell."""

    def read(self, split: str) -> Arrays:
        """The whole split."""

    def stream(self, split: str) -> Records:
        """The split's images where they lie; called only where ``nbytes`` is known."""

    def facts(self) -> dict[str, Any]:
        """What else is known, as plain values for JSON."""


def find_source(config: DataConfig, data_dir: str | None, manual_dir: str | None) -> Source:
    """The source of ``config.dataset``.

    Raises:
      UsageError: if TFDS does not know the name, or a folder or file does not exist.
    """
    kind, name = dataset_kind(config.dataset)
    if kind == "folder":
        return FolderSource(Path(name), _root(data_dir), config.image_size, config.fit)
    if kind == "arrays":
        raise UsageError("these data came from Python; pass them again as data=(train, test)")
    if kind == "npz":
        return NpzSource(Path(name), _root(data_dir))
    if manual_dir is not None and not Path(manual_dir).is_dir():
        raise UsageError(f"--manual_dir {manual_dir} is not a folder")
    if kind == "own":
        return RecordsSource(tfds.builder(name, data_dir=data_dir), manual_dir)
    try:
        # In an environment without TensorFlow TFDS prints a banner.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            builder = tfds.builder(name, data_dir=data_dir)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise UsageError(f"TFDS knows no dataset {name!r}") from error
    return TensorflowSource(builder, manual_dir)


def _root(data_dir: str | None) -> Path:
    return Path(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


class RecordsSource:
    """A TFDS dataset in ArrayRecord files, prepared and read without TensorFlow."""

    def __init__(self, builder: Any, manual_dir: str | None) -> None:
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
            manual_dir=self._manual_dir, force_checksums_validation=True
        )
        tfds.disable_progress_bar()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self._builder.download_and_prepare(download_config=config)
        except RuntimeError as error:
            # ArrayRecord's writer has no better way to say so.
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
        source = self._builder.as_data_source(split=split)
        shape = tuple(self._builder.info.features["image"].shape)
        return Records(source, shape, str(self.folder))

    def facts(self) -> dict[str, Any]:
        return dict(self._builder.info.metadata or {})


class TensorflowSource(RecordsSource):
    """A dataset of TFDS's own catalogue, which only TensorFlow can prepare and read."""

    def prepare(self, notify: Notify) -> None:
        name = self._builder.info.full_name
        if importlib.util.find_spec("tensorflow") is None:
            raise DataError(f"{name} needs TensorFlow; install it: pip install -e '.[tfds]'")
        try:
            super().prepare(notify)
        except AedenoiseError:
            raise
        except Exception as error:  # of the network, of TensorFlow, of the dataset's own code
            raise DataError(
                f"{name} cannot be prepared ({type(error).__name__}: {error}); TFDS's page on it "
                "says what it needs"
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
        config = tfds.ReadConfig(shuffle_seed=0, interleave_cycle_length=1)
        dataset = self._builder.as_dataset(split=split, shuffle_files=False, read_config=config)
        images, labels = [], []
        for example in tfds.as_numpy(dataset):
            images.append(example["image"])
            labels.append(example.get("label", 0))
        if len({image.shape for image in images}) != 1:
            raise DataError(f"the images of {info.full_name} are not all of one size")
        return np.stack(images), np.array(labels, np.int64)

    def stream(self, split: str) -> Records:
        raise DataError(f"{self._builder.info.full_name} can only be read as a whole")
