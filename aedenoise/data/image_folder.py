"""Source of a user's folder of image files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from aedenoise.data.folder_layout import find_images, find_splits
from aedenoise.data.images import (
    MAX_PIXELS,
    PAGED_SUFFIXES,
    SUFFIXES,
    UnreadableImageError,
)
from aedenoise.data.page_reading import read_pages
from aedenoise.data.reading_report import ReadingReport
from aedenoise.data.splits import TEST_SHARE, is_test
from aedenoise.data.user_source import FORMAT, UserSource, fingerprint_files, printable
from aedenoise.errors import DataError


class FolderSource(UserSource):
    """Source of the image files in a folder and its subfolders, cut to squares.

    Subfolders ``train`` and ``test`` are the splits; without them, a sixth of the files, selected
    by a hash of their paths, is the test split. The folder of a file is its class. Every page of a
    TIFF is an image, in the split of its file. Images are grey if all files are grey, otherwise
    RGB. Floats and more than 8 bits are scaled as for denoising. Unreadable files are skipped,
    counted and named.

    Args:
      place: folder of the images.
      data_root: folder of prepared datasets.
      size: side of the squares in pixels.
      fit: ``resize`` (scales the shorter side to ``size`` and crops the centre) or ``crop``
        (tiles the unscaled image with as many whole squares as fit).
      budget: bytes that the squares may take.
    """

    def __init__(self, place: Path, data_root: Path, size: int, fit: str, budget: int) -> None:
        self.place, self.size, self._fit, self._budget = place, size, fit, budget
        if not place.is_dir():
            raise DataError(f"the dataset folder:{place} is not a folder")
        found = find_images(place)
        splits = find_splits(place, found)
        self.notes = [*found.notes(), *splits.notes]
        self.given = splits.train is not None
        kept = (splits.train, splits.test)
        parts = [each for each in found.files if not self.given or each[0] in kept]
        self.names = ["/".join(each) for each in parts]
        # The pages of one TIFF can be a dataset.
        paged = any(name.lower().endswith(PAGED_SUFFIXES) for name in self.names)
        if len(parts) < 2 and not paged:
            raise DataError(
                f"{place} holds {len(parts)} images; at least two are needed "
                f"({', '.join(SUFFIXES)}){''.join(f'; {note}' for note in self.notes)}"
            )
        stamp = fingerprint_files(f"{FORMAT} {size} {fit}", place, self.names)
        super().__init__(f"folder-{fit}-{size}", place, data_root, stamp)
        self.of_test = [
            each[0] == splits.test if self.given else is_test(name)
            for each, name in zip(parts, self.names, strict=True)
        ]
        # Within a split's folder, the class is the next part of the path.
        given = self.given
        classes = [
            printable(each[given:-1][0] if len(each) > given + 1 else place.name) for each in parts
        ]
        self.label_names = tuple(sorted(set(classes)))
        number = {name: i for i, name in enumerate(self.label_names)}
        self.labels = [number[name] for name in classes]

    def prepare(self, notify: Callable[[str], None]) -> None:
        notify(f"reading {len(self.names):,} images in {self.place}")
        for line in self.notes:
            notify(line)
        squares: list[np.ndarray] = []
        files: list[int] = []  # the file of each square
        report = ReadingReport()
        pages = nbytes = 0
        cut = partial(cut_squares, size=self.size, fit=self._fit)
        hidden = not sys.stderr.isatty()
        for i, name in enumerate(tqdm(self.names, unit="image", disable=hidden, leave=False)):
            try:
                read = read_pages(self.place / name, cut)
            except UnreadableImageError as error:
                report.add_failure(name, error)
                continue
            report.add(name, read)
            pages += len(read.results)
            report.small += sum(not each for each in read.results)
            own = [square for each in read.results for square in each]
            squares += own
            files += [i] * len(own)
            nbytes += sum(square.nbytes for square in own)
            if nbytes > self._budget:
                raise DataError(
                    f"{self.place} has more squares than --memory_budget="
                    f"{self._budget // 2**20} MB holds; raise it or use fewer images"
                )
        for line in report.lines(self.size, len(self.names)):
            notify(line)
        if pages > len(self.names) - len(report.unreadable):
            notify(f"every page is an image: {pages:,} in {len(self.names):,} files")
        if not squares:
            raise DataError(
                f"none of the {len(self.names):,} images in {self.place} can be used with "
                f"--image_size={self.size} --fit={self._fit}"
            )
        channels = 3 if any(square.ndim == 3 for square in squares) else 1
        labels = np.array([self.labels[i] for i in files], np.int64)
        test = self._test_rows(files)
        splits = [
            (_stacked(squares, np.flatnonzero(rows), channels), labels[rows])
            for rows in (~test, test)
        ]
        self._facts.update({"files": len(self.names), "unreadable": report.unreadable})
        self._keep(splits[0], splits[1], str(self.place))

    def _test_rows(self, files: list[int]) -> np.ndarray:
        """Returns a bool array that marks the test images, from the file of each image."""
        test = np.array([self.of_test[i] for i in files])
        if self.given or len(set(test.tolist())) == 2:
            return test
        # Likely for a few files: the last one, or the last pages of a single one. Neighbouring
        # pages are alike, so the pages of one file are not mixed.
        if files[0] != files[-1]:
            return np.array([i == files[-1] for i in files])
        return np.arange(len(files)) >= len(files) - max(1, round(len(files) * TEST_SHARE))


def _stacked(squares: list[np.ndarray], rows: np.ndarray, channels: int) -> np.ndarray:
    """Returns the squares in ``rows`` as uint8 ``[N, H, W, C]``; grey ones fill all channels."""
    images = np.empty((len(rows), *squares[0].shape[:2], channels), np.uint8)
    for image, row in zip(images, rows.tolist(), strict=True):
        square = squares[row]
        image[...] = square if square.ndim == 3 else square[..., None]
    return images


def cut_squares(image: Image.Image, *, size: int, fit: str) -> list[np.ndarray]:
    """Cuts an image into squares, each uint8 ``[size, size]`` or ``[size, size, 3]``."""
    if fit == "resize":
        return [np.asarray(_resized(image, size))]
    across, down = image.width // size, image.height // size
    left, top = (image.width - across * size) // 2, (image.height - down * size) // 2
    return [
        np.asarray(_cut(image, left + x * size, top + y * size, size))
        for y in range(down)
        for x in range(across)
    ]


def _resized(image: Image.Image, size: int) -> Image.Image:
    """Scales the shorter side to ``size`` and crops the centre."""
    shorter = min(image.size)
    factor = size / shorter
    # max: rounding could make the shorter side one pixel too small.
    width, height = max(size, round(image.width * factor)), max(size, round(image.height * factor))
    if width * height > max(MAX_PIXELS, image.width * image.height):
        # A line of pixels would become a picture of gigabytes, of which the centre is kept.
        left, top = (image.width - shorter) / 2, (image.height - shorter) / 2
        box = (left, top, left + shorter, top + shorter)
        return image.resize((size, size), Image.Resampling.LANCZOS, box)
    image = image.resize((width, height), Image.Resampling.LANCZOS)
    return _cut(image, (image.width - size) // 2, (image.height - size) // 2, size)


def _cut(image: Image.Image, left: int, top: int, size: int) -> Image.Image:
    return image.crop((left, top, left + size, top + size))
