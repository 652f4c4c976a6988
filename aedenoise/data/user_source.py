"""Base of the sources of a user's own images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from aedenoise.data.splits import copies
from aedenoise.errors import DataError
from aedenoise.files import remove

# Images uint8 [N, H, W, C] and labels int64 [N].
Arrays = tuple[np.ndarray, np.ndarray]
# Part of every fingerprint. A change of the way files are read makes them be read again.
FORMAT = 3


class UserSource:
    """Base of both sources: reads both splits at once and caches them by a fingerprint."""

    label_names: tuple[str, ...] = ()

    def __init__(self, kind: str, place: Path, data_root: Path, fingerprint: str) -> None:
        name = hashlib.sha256(file_name_bytes(str(place))).hexdigest()[:8]
        self.folder = data_root / kind / f"{place.stem}-{name}" / fingerprint[:16]
        self._arrays: dict[str, Arrays] = {}
        self._facts: dict[str, Any] = {}

    def ready(self) -> bool:
        return True  # the folder's name holds a fingerprint of the files

    def nbytes(self, split: str) -> int | None:
        return None

    def read(self, split: str) -> Arrays:
        return self._arrays[split]

    def stream(self, split: str) -> Any:
        raise DataError(f"{self.folder} cannot be streamed")

    def facts(self) -> dict[str, Any]:
        return self._facts

    def _keep(self, train: Arrays, test: Arrays, what: str) -> None:
        """Keeps the splits, without test images that occur in training."""
        self._forget_earlier()
        copied = copies(train[0], test[0])
        if copied.any():
            test = test[0][~copied], test[1][~copied]
        if not len(train[0]) or not len(test[0]):
            raise DataError(
                f"{what} has {len(train[0])} training and {len(test[0])} distinct test images; at "
                "least one of each is needed"
            )
        self._arrays = {"train": train, "test": test}
        self._facts["left_out_of_test"] = int(copied.sum())

    def _forget_earlier(self) -> None:
        """Removes copies of earlier versions of these files, which nothing would read again."""
        for sibling in self.folder.parent.glob("[0-9a-f]*"):
            remove(sibling)


def fingerprint_files(head: str, place: Path, names: Iterable[str]) -> str:
    """Returns a digest of ``head`` and of the names, sizes and times of files below ``place``.

    Not of their contents: hashing every file would take as long as reading them.
    """
    stamp = hashlib.sha256(head.encode())
    for name in names:
        stamp.update(b"\n" + file_name_bytes(name))
        try:
            stat = (place / name).stat()
        except OSError:  # removed since it was listed; reading it says so
            continue
        stamp.update(f" {stat.st_size} {stat.st_mtime_ns}".encode())
    return stamp.hexdigest()


def file_name_bytes(name: str) -> bytes:
    """Returns the bytes of a file name, also of one that is not UTF-8."""
    return name.encode("utf-8", "surrogateescape")


def printable(name: str) -> str:
    """Returns a file name without the half characters that Python puts in place of other bytes."""
    return file_name_bytes(name).decode("utf-8", "backslashreplace")
