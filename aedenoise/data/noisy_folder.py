"""Source of a folder of noisy pictures, which are the network's input as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aedenoise.data.folder_layout import find_images, find_splits
from aedenoise.data.images import UnreadableImageError
from aedenoise.data.pictures import open_pictures
from aedenoise.data.pixels import Picture
from aedenoise.data.splits import TEST_SHARE, is_test
from aedenoise.data.user_source import FORMAT, UserSource, fingerprint_files, printable
from aedenoise.errors import DataError, counted

# Lines about single files; more are counted.
_LINES = 10


@dataclass
class _Squares:
    """Squares of the pictures of one kind, grey or colour, with the file of each."""

    squares: list[np.ndarray] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    pictures: int = 0


class NoisyFolderSource(UserSource):
    """Source of the pictures in a folder and its subfolders, cut to squares and not scaled.

    Scaling would change the noise, and so would a conversion between grey and colour. Floats and
    more than 8 bits are kept: images are then float32 in units of the [0, 1] range, which noise
    may exceed, and uint8 otherwise.

    Args:
      place: folder of the pictures; one is enough.
      data_root: folder of prepared datasets.
      size: side of the squares in pixels.
      budget: bytes that the squares may take.
    """

    def __init__(self, place: Path, data_root: Path, size: int, budget: int) -> None:
        self._place, self._size, self._budget = place, size, budget
        if not place.is_dir():
            raise DataError(f"the dataset noisy:{place} is not a folder")
        found = find_images(place)
        splits = find_splits(place, found)
        self._notes = [*found.notes(), *splits.notes]
        self._test, self._given = splits.test, splits.train is not None
        kept = (splits.train, splits.test)
        self._parts = [each for each in found.files if not self._given or each[0] in kept]
        self._names = ["/".join(each) for each in self._parts]
        if not self._names:
            raise DataError(f"{place} holds no pictures; PNG, TIFF and others are read")
        stamp = fingerprint_files(f"noisy {FORMAT} {size}", place, self._names)
        super().__init__(f"noisy-{size}", place, data_root, stamp)

    def prepare(self, notify: Callable[[str], None]) -> None:
        notify(f"reading {len(self._names):,} files of noisy pictures in {self._place}")
        for line in self._notes:
            notify(line)
        kinds, skipped = self._read()
        for line in skipped[:_LINES]:
            notify(f"skipped {line}")
        if len(skipped) > _LINES:
            notify(f"skipped {len(skipped) - _LINES:,} more")
        if not kinds:
            raise DataError(self._why_nothing(skipped))
        channels = max(kinds, key=lambda each: (len(kinds[each].squares), each))
        for other in set(kinds) - {channels}:
            notify(
                f"skipped {counted(kinds[other].pictures, 'picture')} in {_WORDS[other]}: most are "
                f"in {_WORDS[channels]}; train on each kind by itself"
            )
        chosen = kinds[channels]
        images = np.stack(chosen.squares)
        test = self._test_rows(chosen.files)
        labels = np.zeros(len(images), np.int64)
        self._facts.update(
            {
                "files": len(self._names),
                "unreadable": [line.split(":")[0] for line in skipped],
                "deep": images.dtype != np.uint8,
            }
        )
        parts = [(images[rows], labels[rows]) for rows in (~test, test)]
        self._keep(parts[0], parts[1], str(self._place))

    def _read(self) -> tuple[dict[int, _Squares], list[str]]:
        """Returns the squares by number of channels, and a line for each picture without any."""
        kinds: dict[int, _Squares] = {}
        skipped: list[str] = []
        nbytes = 0
        deep = False
        for number, name in enumerate(self._names):
            pages = _pages(self._place / name)
            while True:
                try:
                    picture = next(pages)
                except StopIteration:
                    break
                except UnreadableImageError as error:
                    skipped.append(f"{printable(name)}: {error}")
                    break
                squares = cut_squares(picture.pixels, self._size)
                if not squares:
                    height, width = picture.pixels.shape[:2]
                    skipped.append(f"{printable(name)}: {width} x {height} pixels are too few")
                    continue
                if np.ptp(picture.pixels) == 0.0:
                    skipped.append(f"{printable(name)}: has one colour")
                    continue
                deep |= picture.bits > 8
                own = kinds.setdefault(picture.pixels.shape[-1], _Squares())
                own.pictures += 1
                own.squares += squares
                own.files += [number] * len(squares)
                nbytes += picture.pixels.nbytes
                if nbytes > 4 * self._budget or (deep and nbytes > self._budget):
                    raise DataError(
                        f"{self._place} has more squares than --memory_budget="
                        f"{self._budget // 2**20} MB holds; raise it or use fewer pictures"
                    )
        if not deep:
            for each in kinds.values():
                each.squares = [np.rint(part * 255.0).astype(np.uint8) for part in each.squares]
        return kinds, skipped

    def _why_nothing(self, skipped: list[str]) -> str:
        small = sum("too few" in line for line in skipped)
        remedy = "; give a smaller --image_size, such as 32" if small else ""
        return (
            f"none of the {len(self._names):,} files in {self._place} can be used with "
            f"--image_size={self._size}{remedy}"
        )

    def _test_rows(self, files: list[int]) -> np.ndarray:
        """Returns a bool array that marks the squares held out for the estimate of the PSNR."""
        test = np.array(
            [
                self._parts[i][0] == self._test if self._given else is_test(self._names[i])
                for i in files
            ]
        )
        if self._given or 0.05 < test.mean() < 0.5:
            return test
        # Likely for a few files, and sure for one: then the last squares are held out.
        return np.arange(len(files)) >= len(files) - max(1, round(len(files) * TEST_SHARE))


_WORDS = {1: "grey", 3: "colour"}


def cut_squares(pixels: np.ndarray, size: int) -> list[np.ndarray]:
    """Cuts ``[H, W, C]`` into as many whole squares as lie side by side, around the middle."""
    down, across = (length // size for length in pixels.shape[:2])
    top, left = (
        (length - count * size) // 2
        for length, count in zip(pixels.shape[:2], (down, across), strict=True)
    )
    return [
        pixels[top + y * size : top + (y + 1) * size, left + x * size : left + (x + 1) * size]
        for y in range(down)
        for x in range(across)
    ]


def read_some(place: Path, most_pixels: int, most_files: int) -> tuple[list[np.ndarray], int, int]:
    """Reads evenly spaced pictures of a folder, to guess their noise.

    Args:
      place: the folder.
      most_pixels: number of pixels after which no further picture is read.
      most_files: number of files to look at.

    Returns:
      Pixels float32 ``[H, W, C]`` of the more frequent kind, grey or colour; the number of these
      pictures, and of all files in the folder.
    """
    files = find_images(place).files if place.is_dir() else []
    spaced = np.linspace(0, len(files) - 1, min(most_files, len(files))).astype(int)
    # Shuffled, so that a few large pictures are of the whole folder.
    order = np.random.default_rng(0).permutation(spaced)
    found: list[np.ndarray] = []
    pixels = 0
    for number in order:
        try:
            for picture in _pages(place.joinpath(*files[number])):
                if pixels > most_pixels:
                    break
                if np.ptp(picture.pixels):
                    found.append(picture.pixels)
                    pixels += picture.pixels.size
        except UnreadableImageError:
            continue
    if not found:
        return [], 0, len(files)
    channels = Counter(each.shape[-1] for each in found).most_common(1)[0][0]
    found = [each for each in found if each.shape[-1] == channels]
    return found, len(found), len(files)


def _pages(path: Path) -> Iterator[Picture]:
    with open_pictures(path) as pictures:
        if not pictures.contents.animated:
            yield from pictures
            return
        # Frames share most of their pixels, and with them the noise.
        yield next(iter(pictures))
