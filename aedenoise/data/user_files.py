"""Sources of a user's own images: a folder of image files or a NumPy ``.npz`` file."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from aedenoise.data.images import SUFFIXES, UnreadableImageError, read_image
from aedenoise.data.splits import copies, is_test
from aedenoise.errors import DataError, UsageError
from aedenoise.files import remove

Arrays = tuple[np.ndarray, np.ndarray]
SPLITS = ("train", "test")
_MAX_BYTES = 8 * 2**30
# Accepted names of the arrays in an .npz, in order of precedence: pairs of training and test
# arrays, then single arrays for both.
_IMAGES = (("x_train", "x_test"), ("train_images", "test_images"), ("train", "test"))
_LABELS = (("y_train", "y_test"), ("train_labels", "test_labels"), ("train_label", "test_label"))
_ALL_IMAGES = ("images", "image", "x", "data", "arr_0")
_ALL_LABELS = ("labels", "label", "y", "arr_1")


class _UserSource:
    """Base of both sources: reads both splits at once and caches them by a fingerprint."""

    label_names: tuple[str, ...] = ()

    def __init__(self, kind: str, place: Path, data_root: Path, fingerprint: str) -> None:
        name = hashlib.sha256(str(place).encode()).hexdigest()[:8]
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

    def _keep(self, images: np.ndarray, labels: np.ndarray, test: np.ndarray, what: str) -> None:
        """Splits by ``test`` (bool ``[N]``) and drops test images that occur in training."""
        # Copies of earlier versions of these files, which nothing would read again.
        for sibling in self.folder.parent.glob("[0-9a-f]*"):
            remove(sibling)
        rows, test_rows = np.flatnonzero(~test), np.flatnonzero(test)
        copied = copies(images, rows, test_rows)
        test_rows = test_rows[~copied]
        if not len(rows) or not len(test_rows):
            raise DataError(
                f"{what} has {len(rows)} training and {len(test_rows)} distinct test images; at "
                "least one of each is needed"
            )
        self._arrays = {
            "train": (images[rows], labels[rows]),
            "test": (images[test_rows], labels[test_rows]),
        }
        self._facts["left_out_of_test"] = int(copied.sum())


class FolderSource(_UserSource):
    """Source of the image files in a folder and its subfolders, cut to squares.

    Subfolders ``train`` and ``test`` are the splits; without them, a sixth of the files, selected
    by a hash of their paths, is the test split. The folder of a file is its class. Images are grey
    if all files are grey, otherwise RGB. Unreadable files are skipped, counted and named.

    Args:
      place: folder of the images.
      data_root: folder of prepared datasets.
      size: side of the squares in pixels.
      fit: ``resize`` (scales the shorter side to ``size`` and crops the centre) or ``crop``
        (tiles the unscaled image with as many whole squares as fit).
    """

    def __init__(self, place: Path, data_root: Path, size: int, fit: str) -> None:
        self._place, self._size, self._fit = place, size, fit
        if not place.is_dir():
            raise UsageError(f"the dataset folder:{place} is not a folder")
        files = (p for p in place.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        self._files = sorted(files, key=lambda p: p.relative_to(place).as_posix())
        if len(self._files) < 2:
            raise DataError(
                f"{place} holds {len(self._files)} images; at least two are needed "
                f"({', '.join(SUFFIXES)})"
            )
        # Sizes and times, not contents: hashing every file would take as long as reading them. The
        # leading 1 is the version of this format.
        stamp = hashlib.sha256(f"1 {size} {fit}".encode())
        for file in self._files:
            stat = file.stat()
            stamp.update(f"\n{file.relative_to(place)} {stat.st_size} {stat.st_mtime_ns}".encode())
        super().__init__(f"folder-{fit}-{size}", place, data_root, stamp.hexdigest())
        given = all((place / split).is_dir() for split in SPLITS)
        parts = [file.relative_to(place).parts for file in self._files]
        self._of_test = [p[0] == "test" if given else is_test("/".join(p)) for p in parts]
        if not given and len(set(self._of_test)) == 1:  # likely for a few files
            self._of_test = [i == len(parts) - 1 for i in range(len(parts))]
        # Within a split's folder, the class is the next part of the path.
        classes = [p[given:-1][0] if len(p) > given + 1 else place.name for p in parts]
        self.label_names = tuple(sorted(set(classes)))
        self._labels = [self.label_names.index(c) for c in classes]

    def prepare(self, notify: Callable[[str], None]) -> None:
        notify(f"reading {len(self._files):,} images in {self._place}")
        squares: list[np.ndarray] = []
        labels: list[int] = []
        test: list[bool] = []
        unreadable: list[str] = []
        small = 0
        hidden = not sys.stderr.isatty()
        for i, file in enumerate(tqdm(self._files, unit="image", disable=hidden, leave=False)):
            try:
                cut = _squares(read_image(file), self._size, self._fit)
            except UnreadableImageError:
                unreadable.append(file.relative_to(self._place).as_posix())
                continue
            small += not cut
            squares += cut
            labels += [self._labels[i]] * len(cut)
            test += [self._of_test[i]] * len(cut)
        for line in _left_out(unreadable, small, self._size):
            notify(line)
        if not squares:
            raise DataError(
                f"none of the {len(self._files):,} images in {self._place} can be used with "
                f"--image_size={self._size} --fit={self._fit}"
            )
        colour = any(square.ndim == 3 for square in squares)
        stacked = np.stack([_with_channels(square, 3 if colour else 1) for square in squares])
        self._facts.update({"files": len(self._files), "unreadable": unreadable})
        self._keep(stacked, np.array(labels, np.int64), np.array(test), str(self._place))


def _squares(image: Image.Image, size: int, fit: str) -> list[np.ndarray]:
    """Cuts an image into squares, each uint8 ``[size, size]`` or ``[size, size, 3]``."""
    if fit == "resize":
        factor = size / min(image.size)
        # max: rounding could make the shorter side one pixel too small.
        scaled = (max(size, round(image.width * factor)), max(size, round(image.height * factor)))
        image = image.resize(scaled, Image.Resampling.LANCZOS)
        image = _cut(image, (image.width - size) // 2, (image.height - size) // 2, size)
        return [np.asarray(image)]
    across, down = image.width // size, image.height // size
    left, top = (image.width - across * size) // 2, (image.height - down * size) // 2
    return [
        np.asarray(_cut(image, left + x * size, top + y * size, size))
        for y in range(down)
        for x in range(across)
    ]


def _cut(image: Image.Image, left: int, top: int, size: int) -> Image.Image:
    return image.crop((left, top, left + size, top + size))


def _with_channels(square: np.ndarray, channels: int) -> np.ndarray:
    return square if square.ndim == 3 else np.repeat(square[..., None], channels, axis=-1)


def _left_out(unreadable: list[str], small: int, size: int) -> list[str]:
    lines = []
    if unreadable:
        names = ", ".join(unreadable[:3]) + (", …" if len(unreadable) > 3 else "")
        lines.append(f"skipped {len(unreadable):,} unreadable images: {names}")
    if small:
        lines.append(f"skipped {small:,} images with a side below {size} pixels")
    return lines


class NpzSource(_UserSource):
    """Source of a ``.npz`` file as written by ``numpy.savez``.

    The file holds arrays ``x_train`` and ``x_test`` (or ``train_images``, ``test_images``;
    ``train``, ``test``), or one array ``images``, whose test split is given by a bool array
    ``test`` or is a sixth of the rows, selected by a hash of the row number. Optional are labels
    ``y_train`` and ``y_test``, or ``labels``, and class names ``label_names``. Images are
    ``[N, H, W]`` or ``[N, H, W, C]`` with 1 or 3 channels, uint8 or floats in [0, 1].
    """

    def __init__(self, place: Path, data_root: Path) -> None:
        if not place.is_file():
            raise UsageError(f"the dataset npz:{place} is not a file")
        self._place = place
        stat = place.stat()
        stamp = hashlib.sha256(f"1 {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()
        super().__init__("npz", place, data_root, stamp)

    def prepare(self, notify: Callable[[str], None]) -> None:
        notify(f"reading {self._place}")
        try:
            # The sizes in the directory, before NumPy allocates anything.
            with zipfile.ZipFile(self._place) as members:
                size = sum(member.file_size for member in members.infolist())
            if size > _MAX_BYTES:
                raise DataError(
                    f"{self._place} unpacks to {size / 2**30:.0f} GB; the limit is 8 GB"
                )
            with np.load(self._place, allow_pickle=False) as arrays:
                found = {key: arrays[key] for key in arrays.files}
            images, labels, test = self._parts(found)
            self._facts["label_names"] = self._names(labels, found.get("label_names"))
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(f"{self._place} is no .npz of plain arrays ({error})") from error
        self._keep(images, labels, test, str(self._place))

    def _parts(self, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        for names in _IMAGES:
            if all(name in arrays for name in names):
                parts = [self._images(arrays[name], name) for name in names]
                if parts[0].shape[1:] != parts[1].shape[1:]:
                    raise DataError(
                        f"{self._place}: {names[0]} and {names[1]} have images of different sizes"
                    )
                pair = next((n for n in _LABELS if all(name in arrays for name in n)), None)
                given = [arrays[name] for name in pair] if pair else None
                test = np.repeat([False, True], [len(part) for part in parts])
                images = np.concatenate(parts)
                return images, self._labels(given, len(images)), test
        name = next((name for name in _ALL_IMAGES if name in arrays), None)
        if name is None:
            known = "; ".join(" and ".join(names) for names in _IMAGES)
            raise DataError(
                f"{self._place} holds {', '.join(arrays) or 'nothing'}; expected {known}; or "
                f"one of {', '.join(_ALL_IMAGES)}"
            )
        images = self._images(arrays[name], name)
        test = np.array([is_test(str(row)) for row in range(len(images))])
        given_test = arrays.get("test")
        if given_test is not None and given_test.dtype == bool:
            if given_test.shape != (len(images),):
                raise DataError(f"{self._place}: test has shape {given_test.shape}, not [N]")
            test = given_test
        elif len(images) > 1 and len(set(test.tolist())) == 1:
            test = np.arange(len(images)) == len(images) - 1
        given = [arrays[n] for n in _ALL_LABELS if n in arrays][:1] or None
        return images, self._labels(given, len(images)), test

    def _names(self, labels: np.ndarray, names: np.ndarray | None) -> tuple[str, ...]:
        if names is not None and names.dtype.kind == "U" and labels.max() < names.size:
            return tuple(names.ravel().tolist())
        return tuple(map(str, range(int(labels.max()) + 1))) if labels.max() > 0 else ()

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
        low, high = float(array.min()), float(array.max())
        if np.issubdtype(array.dtype, np.integer) and low >= 0 and high <= 255:
            return array.astype(np.uint8)
        if np.issubdtype(array.dtype, np.floating) and low >= 0 and high <= 1:
            return np.round(array * 255).astype(np.uint8)
        raise DataError(
            f"{self._place}: {name} is {array.dtype} from {low:g} to {high:g}; expected uint8, or "
            "floats in [0, 1]"
        )

    def _labels(self, given: list[np.ndarray] | None, count: int) -> np.ndarray:
        if given is None:
            return np.zeros(count, np.int64)
        labels = np.concatenate([np.ravel(part) for part in given])
        if len(labels) != count or not np.issubdtype(labels.dtype, np.integer):
            raise DataError(
                f"{self._place} has {len(labels)} labels ({labels.dtype}) for {count} images; "
                "expected one integer per image"
            )
        return labels.astype(np.int64)
