"""Source of whole pictures in a folder, of which each epoch sees other patches."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from aedenoise.data.image_folder import FolderSource, cut_squares
from aedenoise.data.images import UnreadableImageError
from aedenoise.data.page_reading import Pages, read_pages
from aedenoise.data.patches import Patches, PictureWriter
from aedenoise.data.reading_report import ReadingReport
from aedenoise.data.user_source import Arrays
from aedenoise.errors import DataError

# More than any budget: training pictures stay on disk.
_ON_DISK = 2**62


class PatchSource(FolderSource):
    """Source of the image files in a folder and its subfolders, unscaled.

    Splits and classes are those of ``FolderSource``. The test images are the squares of
    ``fit="crop"``. Training pictures stay whole, on disk, and an epoch has as many patches as they
    have such squares.

    Args:
      place: folder of the images.
      data_root: folder of prepared datasets.
      size: side of the patches in pixels.
      turned: whether patches are mirrored and turned at random.
    """

    # Images that a picture on disk holds, one beside the other on the last axis.
    members = 1

    def __init__(
        self, place: Path, data_root: Path, size: int, turned: bool, kind: str = "patches"
    ) -> None:
        super().__init__(place, data_root, size, kind, _ON_DISK)
        self._turned = turned
        if len(self.names) < 2:
            raise DataError(
                f"{place} holds one file; patches need two: cut the picture into two parts"
            )
        if len(set(self.of_test)) == 1 and not self.given:
            self.of_test[-1] = not self.of_test[-1]  # likely for a few files

    def prepare(self, notify: Callable[[str], None]) -> None:
        notify(f"reading {len(self.names):,} images in {self.place}")
        for line in self.notes:
            notify(line)
        squares: list[np.ndarray] = []
        labels: list[int] = []
        report = ReadingReport()
        hidden = not sys.stderr.isatty()
        self._forget_earlier()
        with PictureWriter.write(self.folder) as writer:
            files = zip(self.names, self.labels, self.of_test, strict=True)
            for name, label, of_test in tqdm(
                files, total=len(self.names), unit="image", disable=hidden, leave=False
            ):
                try:
                    read = self._read_pages(name, of_test)
                except UnreadableImageError as error:
                    report.add_failure(name, error)
                    continue
                report.add(name, read)
                for page in read.results:
                    report.small += not page or min(page[0].shape[:2]) < self.size
                    for pixels in page:
                        if of_test:
                            squares.append(pixels)
                            labels.append(label)
                        elif min(pixels.shape[:2]) >= self.size:
                            writer.add(pixels, label)
        for line in report.lines(self.size, self.members * len(self.names)):
            notify(line)
        if not squares or not writer.pictures:
            raise DataError(
                f"{self.place} has {len(writer.pictures)} training pictures and {len(squares)} "
                f"test images with --image_size={self.size}; at least one of each is needed"
            )
        self._facts.update({"files": len(self.names), "unreadable": report.unreadable})
        self._test = self._in_channels(squares), np.array(labels, np.int64)

    def _read_pages(self, name: str, of_test: bool) -> Pages[list[np.ndarray]]:
        """Reads the pages of a file, each as its squares or as a whole."""
        cut = partial(cut_squares, size=self.size, fit="crop") if of_test else _whole
        return read_pages(self.place / name, cut)

    def _in_channels(self, squares: list[np.ndarray]) -> np.ndarray:
        """Stacks the test images in the channels of the training pictures."""
        channels = self.stream("train").shape[-1]
        images = np.empty((len(squares), self.size, self.size, channels), np.uint8)
        parted = images.reshape(*images.shape[:3], self.members, -1)
        for image, square in zip(parted, squares, strict=True):
            own = square.reshape(*square.shape[:2], self.members, -1)
            if own.shape[-1] > image.shape[-1]:
                for member in range(self.members):
                    grey = Image.fromarray(own[:, :, member]).convert("L")
                    image[:, :, member, 0] = np.asarray(grey)
            else:
                image[...] = own
        return images

    def nbytes(self, split: str) -> int | None:
        return _ON_DISK + 1 if split == "train" else None

    def read(self, split: str) -> Arrays:
        return self._test

    def stream(self, split: str) -> Patches:
        return Patches(self.folder, self.size, turned=self._turned, members=self.members)


def _whole(image: Image.Image) -> list[np.ndarray]:
    return [np.asarray(image)]
