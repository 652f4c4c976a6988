"""Source of pairs: two folders, of noisy pictures and of the same pictures without noise."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from aedenoise.data.folder_layout import find_images
from aedenoise.data.images import UnreadableImageError
from aedenoise.data.noisy_folder import cut_squares
from aedenoise.data.page_reading import Page, Pages, flatten, read_deep_pages
from aedenoise.data.patch_source import PatchSource
from aedenoise.data.pixels import Picture, scale_alike
from aedenoise.data.user_source import file_name_bytes, fingerprint_files, printable
from aedenoise.errors import DataError

_SHOWN = 3


class PairSource(PatchSource):
    """Source of the pictures that are in both folders by the same name, whatever the format.

    Images are ``[H, W, 2C]``: the noisy one and then the clean one, see ``ops.images.pair``. Splits
    and classes are those of the clean folder. Both pictures of a pair are in colour if one is.

    Args:
      noisy, clean: the folders; pictures are matched by their paths without the suffix.
      data_root: folder of prepared datasets.
      size: side of the patches in pixels.
      turned: whether patches are mirrored and turned at random, both of a pair alike.

    Raises:
      DataError: if a folder is missing, a picture has no partner, or there is one pair.
    """

    members = 2

    def __init__(self, noisy: Path, clean: Path, data_root: Path, size: int, turned: bool) -> None:
        for place in (noisy, clean):
            if not place.is_dir():
                raise DataError(f"{place} of pairs:NOISY,CLEAN is not a folder")
        self._noisy = noisy
        partners = _by_stem(noisy)
        stamp = fingerprint_files(str(noisy), noisy, partners.values())
        kind = hashlib.sha256(file_name_bytes(str(noisy))).hexdigest()[:8]
        own = _by_stem(clean)
        _refuse(
            [
                *_alone(noisy, partners.keys() - own.keys(), clean),
                *_alone(clean, own.keys() - partners.keys(), noisy),
            ]
        )
        if len(own) == 1:
            raise DataError(
                f"{clean} holds one picture; pairs need two or more, one of them to test: cut both "
                "pictures into two parts"
            )
        super().__init__(clean, data_root, size, turned, f"pairs-{kind}-{stamp[:8]}")
        self._partners = {name: partners[_stem(name)] for name in self.names}

    def _read_pages(self, name: str, of_test: bool) -> Pages[list[np.ndarray]]:
        clean = self._read_side(self.place / name)
        noisy = self._read_side(self._noisy / self._partners[name])
        if clean.unreadable or noisy.unreadable:
            raise UnreadableImageError("a page is damaged")
        sides = [[_size(page) for page in each.results] for each in (noisy, clean)]
        if sides[0] != sides[1]:
            raise DataError(
                f"{printable(name)} has {_sizes(sides[1])} in {self.place}, but {_sizes(sides[0])} "
                f"in {self._noisy}; pairs must have the same size"
            )
        stacked = [_stack(*each) for each in zip(noisy.results, clean.results, strict=True)]
        results = [cut_squares(each, self.size) if of_test else [each] for each in stacked]
        return Pages(results, [], clean.format, clean.pages, (*clean.notes, *noisy.notes))

    def _read_side(self, path: Path) -> Pages[Page]:
        try:
            return read_deep_pages(path, _copy)
        except UnreadableImageError as error:
            raise UnreadableImageError(f"of {path.parent} {error}") from error


def _by_stem(place: Path) -> dict[str, str]:
    """Returns the paths of the pictures below ``place`` by their paths without the suffix."""
    found: dict[str, str] = {}
    for parts in find_images(place).files:
        name = "/".join(parts)
        other = found.setdefault(_stem(name), name)
        if other != name:
            raise DataError(
                f"{place} has {printable(other)} and {printable(name)}, of which one can be in a "
                "pair; remove one"
            )
    return found


def _stem(name: str) -> str:
    return name[: -len(Path(name).suffix)]


def _alone(place: Path, stems: Iterable[str], other: Path) -> list[str]:
    """Says which pictures of a folder have no partner in the other; nothing if all have."""
    alone = sorted(stems)
    if not alone:
        return []
    names = ", ".join(printable(each) for each in alone[:_SHOWN])
    more = ", …" if len(alone) > _SHOWN else ""
    pictures = f"{len(alone):,} picture{'s' * (len(alone) != 1)}"
    return [f"{pictures} of {place} without a partner in {other}: {names}{more}"]


def _refuse(faults: list[str]) -> None:
    if faults:
        raise DataError(
            f"{'; '.join(faults)}; names must be equal but for the suffix: rename, add or remove "
            "them"
        )


def _copy(page: Page) -> Page:
    # An image that Pillow opened is closed with its file.
    return page if isinstance(page, Picture) else page.copy()


def _size(page: Page) -> tuple[int, int]:
    if isinstance(page, Picture):
        return page.pixels.shape[1], page.pixels.shape[0]
    return page.size


def _sizes(sides: list[tuple[int, int]]) -> str:
    if len(sides) != 1:
        return f"{len(sides)} pages"
    return f"{sides[0][0]} x {sides[0][1]} pixels"


def _stack(noisy: Page, clean: Page) -> np.ndarray:
    """Returns uint8 ``[H, W, 2]``, or ``[H, W, 6]`` if one of the pictures is in colour."""
    if isinstance(noisy, Picture) and isinstance(clean, Picture):
        noisy, clean = scale_alike(noisy, clean)
    images = [flatten(page) for page in (noisy, clean)]
    mode = "RGB" if "RGB" in [image.mode for image in images] else "L"
    pixels = [np.atleast_3d(np.asarray(image.convert(mode))) for image in images]
    return np.concatenate(pixels, axis=2)
