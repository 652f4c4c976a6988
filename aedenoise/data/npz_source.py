"""Source of a user's NumPy ``.npz`` file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from aedenoise.data.classes import name_classes
from aedenoise.data.npz import UNREADABLE, TooLargeError, read_npz
from aedenoise.data.splits import is_test
from aedenoise.data.user_source import FORMAT, UserSource
from aedenoise.errors import DataError

# Accepted names of the arrays, in order of precedence: pairs of training and test arrays, then
# single arrays for both.
_IMAGES = (("x_train", "x_test"), ("train_images", "test_images"), ("train", "test"))
_LABELS = (("y_train", "y_test"), ("train_labels", "test_labels"), ("train_label", "test_label"))
_ALL_IMAGES = ("images", "image", "x", "data", "arr_0")
_ALL_LABELS = ("labels", "label", "y", "arr_1")
_CHUNK = 4096

Arrays = dict[str, np.ndarray]


class NpzSource(UserSource):
    """Source of a ``.npz`` file as written by ``numpy.savez``.

    The file holds arrays ``x_train`` and ``x_test`` (or ``train_images``, ``test_images``;
    ``train``, ``test``), or one array ``images``, whose test split is given by a bool array
    ``test`` or is a sixth of the rows, selected by a hash of the row number. Optional are labels
    ``y_train`` and ``y_test``, or ``labels``, and class names ``label_names``. Images are
    ``[N, H, W]`` or ``[N, H, W, C]`` with 1 or 3 channels, uint8 or floats in [0, 1].

    Args:
      place: the file.
      data_root: folder of prepared datasets.
      budget: bytes that the arrays of the file may take.
    """

    def __init__(self, place: Path, data_root: Path, budget: int) -> None:
        if not place.is_file():
            raise DataError(f"the dataset npz:{place} is not a file")
        self._place, self._budget = place, budget
        stat = place.stat()
        stamp = f"{FORMAT} {stat.st_size} {stat.st_mtime_ns}".encode()
        super().__init__("npz", place, data_root, hashlib.sha256(stamp).hexdigest())

    def prepare(self, notify: Callable[[str], None]) -> None:
        notify(f"reading {self._place}")
        try:
            arrays = read_npz(self._place, limit=self._budget, choose=self._choose)
        except TooLargeError as error:
            raise DataError(
                f"{self._place} unpacks to {error.nbytes / 2**20:,.0f} MB, more than "
                f"--memory_budget={self._budget // 2**20}; raise it or use fewer images"
            ) from error
        except UNREADABLE as error:
            raise DataError(f"{self._place} is no .npz of plain arrays ({error})") from error
        pair = _first_pair(_IMAGES, arrays)
        names = pair or (_first(_ALL_IMAGES, arrays),)
        # Popped, so that floats are freed once they are bytes.
        parts = [self._images(arrays.pop(name), name) for name in names]
        if len({part.shape[1:] for part in parts}) > 1:
            raise DataError(f"{self._place}: {' and '.join(names)} have images of different sizes")
        labels = self._labels(arrays, pair is not None, sum(map(len, parts)), notify)
        if pair is None:
            (images,) = parts
            test = self._test_rows(arrays.get("test"), len(images))
            splits = [(images[rows], labels[rows]) for rows in (~test, test)]
        else:
            splits = list(zip(parts, np.split(labels, [len(parts[0])]), strict=True))
        self._keep(splits[0], splits[1], str(self._place))

    def _choose(self, names: Collection[str]) -> Collection[str]:
        """Selects the arrays to read.

        Raises:
          DataError: if the file holds no images under a known name.
        """
        pair = _first_pair(_IMAGES, names)
        if pair is not None:
            return {*pair, *(_first_pair(_LABELS, names) or ()), "label_names"}
        image = _first(_ALL_IMAGES, names)
        if not image:
            known = "; ".join(" and ".join(names) for names in _IMAGES)
            raise DataError(
                f"{self._place} holds {', '.join(names) or 'nothing'}; expected {known}; or "
                f"one of {', '.join(_ALL_IMAGES)}"
            )
        return {image, "test", _first(_ALL_LABELS, names), "label_names"}

    def _test_rows(self, given: np.ndarray | None, count: int) -> np.ndarray:
        """Returns a bool array that marks the test images among ``count``."""
        if given is not None and given.dtype == bool:
            if given.shape != (count,):
                raise DataError(f"{self._place}: test has shape {given.shape}, not [N]")
            return given
        test = np.array([is_test(str(row)) for row in range(count)])
        if count > 1 and len(set(test.tolist())) == 1:
            test = np.arange(count) == count - 1
        return test

    def _images(self, array: np.ndarray, name: str) -> np.ndarray:
        array = array[..., None] if array.ndim == 3 else array
        if array.ndim != 4 or array.shape[-1] not in (1, 3) or not array.size:
            raise DataError(
                f"{self._place}: {name} has shape {array.shape}; expected [N, H, W] or "
                "[N, H, W, C] with 1 or 3 channels"
            )
        if array.dtype == np.uint8:
            return array
        if array.dtype == bool:
            return array.astype(np.uint8) * np.uint8(255)
        if array.dtype.kind not in "iuf":
            raise DataError(f"{self._place}: {name} is {array.dtype}; expected uint8 or floats")
        low, high = float(array.min()), float(array.max())
        if array.dtype.kind in "iu" and low >= 0 and high <= 255:
            return array.astype(np.uint8)
        if array.dtype.kind == "f" and low >= 0 and high <= 1:
            return _rounded(array)
        raise DataError(
            f"{self._place}: {name} is {array.dtype} from {low:g} to {high:g}; expected uint8, or "
            "floats in [0, 1]"
        )

    def _labels(
        self, arrays: Arrays, paired: bool, count: int, notify: Callable[[str], None]
    ) -> np.ndarray:
        """Returns the labels, numbered from 0, and keeps the names of the classes."""
        if paired:
            given = [arrays[name] for name in _first_pair(_LABELS, arrays) or ()]
        else:
            given = [arrays[name] for name in [_first(_ALL_LABELS, arrays)] if name]
        if not given:
            given = [np.zeros(count, np.int64)]
        raw = np.concatenate([np.ravel(part) for part in given])
        if len(raw) != count or raw.dtype.kind not in "iu":
            raise DataError(
                f"{self._place} has {len(raw)} labels ({raw.dtype}) for {count} images; "
                "expected one integer per image"
            )
        names = arrays.get("label_names")
        known = names.ravel().tolist() if names is not None and names.dtype.kind == "U" else ()
        labels, self.label_names = name_classes(raw, known, place=str(self._place))
        if not np.array_equal(labels, raw):
            notify(f"labels from {raw.min()} to {raw.max()} become {labels.max() + 1:,} classes")
        self._facts["label_names"] = self.label_names
        return labels


def _rounded(array: np.ndarray) -> np.ndarray:
    """Rounds floats in [0, 1] to bytes, in parts, so that no second array of floats is needed."""
    rounded = np.empty(array.shape, np.uint8)
    for start in range(0, len(array), _CHUNK):
        rounded[start : start + _CHUNK] = np.round(array[start : start + _CHUNK] * 255)
    return rounded


def _first(known: Collection[str], names: Collection[str]) -> str:
    """Returns the first of the known names that is among ``names``, or nothing."""
    return next((name for name in known if name in names), "")


def _first_pair(
    known: Collection[tuple[str, str]], names: Collection[str]
) -> tuple[str, str] | None:
    return next((pair for pair in known if all(name in names for name in pair)), None)
