"""Whole pictures on disk, from which each epoch draws other patches."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from aedenoise.data.streaming import Records
from aedenoise.errors import DataError
from aedenoise.files import write_json

_PIXELS, _TABLE = "pictures.raw", "pictures.json"
# Mirrored or not, turned by 0, 90, 180 or 270 degrees.
_TURNS = 8


@dataclass(frozen=True)
class Picture:
    """A picture in the file of pixels.

    Attributes:
      height, width, channels: its shape; grey pictures may lie among colour ones.
      label: number of its class.
    """

    height: int
    width: int
    channels: int
    label: int

    @property
    def nbytes(self) -> int:
        return self.height * self.width * self.channels


class PictureWriter:
    """Writes pictures one after the other, so that few of them are in memory; see ``write``."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.pictures: list[Picture] = []

    @classmethod
    @contextmanager
    def write(cls, folder: Path) -> Iterator[PictureWriter]:
        """Opens the file of pixels in ``folder``, and writes the table of pictures at the end."""
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / _PIXELS, "wb") as file:
            writer = cls(file)
            yield writer
        table = [[p.height, p.width, p.channels, p.label] for p in writer.pictures]
        write_json(folder / _TABLE, {"pictures": table, "sha256": writer._digest.hexdigest()})

    def add(self, pixels: np.ndarray, label: int) -> None:
        """Adds a picture, uint8 ``[H, W]`` or ``[H, W, C]``, of a class."""
        data = np.ascontiguousarray(pixels).tobytes()
        self._file.write(data)
        self._digest.update(data)
        height, width, channels = pixels.shape if pixels.ndim == 3 else (*pixels.shape, 1)
        self.pictures.append(Picture(height, width, channels, label))


class Patches(Records):
    """Square patches of pictures on disk, indexed like a uint8 array ``[N, size, size, C]``.

    As an array it has the patches of a regular grid in each picture, from which counts, means and
    baselines are computed. ``drawn`` gives as many patches at random places instead.
    """

    def __init__(self, folder: Path, size: int, *, turned: bool, members: int = 1) -> None:
        """Opens the files that ``PictureWriter`` left in ``folder``.

        Args:
          folder: folder of the files.
          size: side of the patches in pixels; no picture has a smaller side.
          turned: whether drawn patches are mirrored and turned, too.
          members: number of images that lie one after the other on the last axis of a picture.

        Raises:
          DataError: if the files are missing or damaged.
        """
        try:
            found = json.loads((folder / _TABLE).read_text(encoding="utf-8"))
            self._pictures = [Picture(*map(int, row)) for row in found["pictures"]]
            self._pixels = np.memmap(folder / _PIXELS, np.uint8, "r")
            if len(self._pixels) != sum(each.nbytes for each in self._pictures):
                raise ValueError("another size")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"the pictures in {folder} are damaged ({type(error).__name__}); remove that "
                "folder and run again"
            ) from error
        self._offsets = np.cumsum([0, *(each.nbytes for each in self._pictures)])
        self._turned, self._members = turned, members
        channels = max(each.channels for each in self._pictures)
        grids = [(p.height // size) * (p.width // size) for p in self._pictures]
        self._firsts = np.cumsum([0, *grids])
        self.shape = (int(self._firsts[-1]), size, size, channels)
        places = [(p.height - size + 1) * (p.width - size + 1) for p in self._pictures]
        self._places = np.cumsum([0, *places])

    def __getitem__(self, index: slice | np.ndarray) -> np.ndarray:
        rows = np.arange(len(self))[index]
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)
        size = self.shape[1]
        for image, row in zip(images, rows.tolist(), strict=True):
            number, cell = _within(self._firsts, row)
            picture = self._pictures[number]
            across, down = picture.width // size, picture.height // size
            y, x = divmod(cell, across)
            top, left = (picture.height - down * size) // 2, (picture.width - across * size) // 2
            self._cut(image, number, top + y * size, left + x * size)
        return images

    def __iter__(self) -> Iterator[np.ndarray]:
        for row in range(len(self)):
            yield self[row : row + 1][0]

    def column(self, name: str) -> np.ndarray:
        """Returns the class of each patch of the grid, ``[N]``."""
        labels = np.array([each.label for each in self._pictures])
        return np.repeat(labels, np.diff(self._firsts))

    def drawn(self, epoch: int, seed: int) -> Drawn:
        """Returns the patches of an epoch, a pure function of ``epoch`` and ``seed``."""
        return Drawn(self, epoch, seed)

    def draw(self, image: np.ndarray, place: int, turn: int) -> None:
        """Copies a patch into ``image``.

        Args:
          image: uint8 ``[size, size, C]``, written.
          place: any number; its remainder counts the places of all pictures.
          turn: any number; its remainder selects one of eight positions.
        """
        number, cell = _within(self._places, place % int(self._places[-1]))
        top, left = divmod(cell, self._pictures[number].width - self.shape[1] + 1)
        self._cut(image, number, top, left)
        if self._turned:
            image[...] = _turned(image, turn).copy()

    def _cut(self, image: np.ndarray, number: int, top: int, left: int) -> None:
        picture, size = self._pictures[number], self.shape[1]
        pixels = self._pixels[self._offsets[number] : self._offsets[number + 1]]
        whole = pixels.reshape(picture.height, picture.width, picture.channels)
        patch = whole[top : top + size, left : left + size]
        # Grey pictures fill all channels of each member.
        shape = (size, size, self._members, -1)
        image.reshape(shape)[...] = patch.reshape(shape)


class Turned:
    """Square images, mirrored and turned otherwise in each epoch; indexed by rows."""

    def __init__(self, images: np.ndarray | Records, epoch: int, seed: int) -> None:
        self._images = images
        self._words = _words(len(images), epoch, seed)
        self.shape, self.dtype = images.shape, images.dtype

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        turns = self._words[rows, 1].tolist()
        found = [
            _turned(image, turn) for image, turn in zip(self._images[rows], turns, strict=True)
        ]
        return np.stack(found) if found else self._images[rows]


class Drawn:
    """The patches of an epoch, indexed like a uint8 array by rows."""

    dtype = np.dtype(np.uint8)

    def __init__(self, patches: Patches, epoch: int, seed: int) -> None:
        self._patches = patches
        self._words = _words(len(patches), epoch, seed)
        self.shape = patches.shape

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for image, row in zip(images, rows.tolist(), strict=True):
            place, turn = self._words[row].tolist()
            self._patches.draw(image, place, turn)
        return images


def _turned(image: np.ndarray, turn: int) -> np.ndarray:
    """Returns one of the eight positions of a square ``[S, S, C]``."""
    mirrored = image[:, ::-1] if turn % 2 else image
    return np.rot90(mirrored, turn % _TURNS // 2)


@functools.lru_cache(maxsize=2)
def _words(count: int, epoch: int, seed: int) -> np.ndarray:
    """Returns random words, uint64 ``[count, 2]``; NumPy guarantees that they never change."""
    # Another counter than that of ``epoch_order``, whose words would otherwise be the same.
    generator = np.random.Philox(key=(epoch << 64) | seed, counter=1 << 128)
    return generator.random_raw(2 * count).reshape(count, 2)


def _within(firsts: np.ndarray, number: int) -> tuple[int, int]:
    """Returns the part that holds ``number``, of parts that begin at ``firsts``, and its place."""
    part = int(np.searchsorted(firsts, number, side="right")) - 1
    return part, number - int(firsts[part])
