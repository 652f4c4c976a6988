"""Reading of users' image files for training: every page, in 8 bits.

Floats and more than 8 bits are read as for denoising, so that a network sees pictures in training
as it sees them later.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from aedenoise.data.deep_tiff import list_deep_pages, open_tiff, read_deep_page
from aedenoise.data.file_notes import Note, describe_file
from aedenoise.data.images import (
    ANIMATED,
    FORMATS,
    MAX_PIXELS,
    UnreadableImageError,
    check_pixels,
    is_page,
    refusals,
    upright,
)
from aedenoise.data.pictures import read_page
from aedenoise.data.pixels import Picture, opaque
from aedenoise.data.tiff import describe_kind, is_deep

Read = TypeVar("Read")
# A page of 8 bits, in mode ``L`` or ``RGB``, or one of floats or more than 8 bits.
Page = Image.Image | Picture


@dataclass(frozen=True)
class Pages(Generic[Read]):
    """What was made of the pages of an image file.

    Attributes:
      results: result of each readable page.
      unreadable: numbers of the other pages, from 1.
      format: Pillow's name of the format.
      pages: number of pages or frames in the file, as far as it was looked at.
      notes: notes on the range of floats and on the depth of integers.
    """

    results: list[Read]
    unreadable: list[int]
    format: str
    pages: int
    notes: tuple[Note, ...] = ()


def read_pages(path: Path, use: Callable[[Image.Image], Read]) -> Pages[Read]:
    """Returns ``use(page)`` for each page of a TIFF, or for the first frame of any other file.

    Pages are images of mode ``L`` (grey) or ``RGB``, with their EXIF orientation applied, one in
    memory at a time. Transparent pixels are white. Smaller versions of a page and masks are no
    pages.

    Raises:
      UnreadableImageError: if the format is unknown, or the first page is damaged, too large or of
        values without a known range; of later pages the numbers are returned instead.
    """
    return read_deep_pages(path, lambda page: use(flatten(page)))


def read_deep_pages(path: Path, use: Callable[[Page], Read]) -> Pages[Read]:
    """Reads pages as ``read_pages`` does, those of floats or more than 8 bits in full depth."""
    with ExitStack() as stack:
        stack.enter_context(refusals(path, MAX_PIXELS))
        opened: list[Any] = []

        def tiff() -> Any:
            if not opened:
                opened.append(stack.enter_context(open_tiff(path)))
            return opened[0]

        pages = _Reader(use, tiff)
        try:
            image = stack.enter_context(Image.open(path, formats=FORMATS))
        except UnidentifiedImageError:
            if describe_kind(path) is None:
                raise
            numbers = list_deep_pages(tiff())
            for number in numbers:
                pages.read(None, number)
            return pages.found("TIFF", len(numbers))
        pages.read(image, 0)
        # Of an animation the first frame is taken.
        if image.format != "TIFF":
            frames = getattr(image, "n_frames", 1) if image.format in ANIMATED else 1
            return pages.found(image.format or "", frames)
        number = 1
        while pages.seek(image, number):
            number += 1
        return pages.found("TIFF", number)


class _Reader(Generic[Read]):
    """Reader of one page after the other, which remembers what it made of them."""

    def __init__(self, use: Callable[[Page], Read], tiff: Callable[[], Any]) -> None:
        self._use, self._tiff = use, tiff
        self._results: list[Read] = []
        self._unreadable: list[int] = []
        self._notes: dict[Note, None] = {}

    def found(self, form: str, pages: int) -> Pages[Read]:
        if not self._results:
            raise UnreadableImageError("has no page that can be read; convert it to PNG")
        return Pages(self._results, self._unreadable, form, pages, tuple(self._notes))

    def seek(self, image: Image.Image, number: int) -> bool:
        """Reads a further page of a TIFF; returns False if there is none."""
        try:
            image.seek(number)
        except EOFError:
            return False
        except Exception:  # a kind of page that Pillow does not know, or a damaged list of pages
            self.read(None, number)
            return self._unreadable[-1:] != [number + 1]
        if is_page(image):
            self.read(image, number)
        return True

    def read(self, image: Image.Image | None, number: int) -> None:
        """Reads a page of the image, or with tifffile if None; damage in the first is raised."""
        try:
            if image is None:
                page: Page = read_deep_page(self._tiff(), number, MAX_PIXELS)
            else:
                page = _read(image, number, self._tiff)
        except Exception:  # Pillow and tifffile raise many types for damaged files
            if number == 0:
                raise
            self._unreadable.append(number + 1)
            return
        if isinstance(page, Picture):
            self._notes.update(dict.fromkeys(describe_file(page)))
        self._results.append(self._use(page))


def _read(image: Image.Image, number: int, tiff: Callable[[], Any]) -> Page:
    if is_deep(image) or image.mode.startswith("I") or image.mode == "F":
        return read_page(image, number, tiff, MAX_PIXELS)
    check_pixels(*image.size, MAX_PIXELS)
    image = upright(image)
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image).convert("RGB")
    grey = image.mode in ("1", "L")
    return image.convert("L" if grey else "RGB")


def flatten(page: Page) -> Image.Image:
    """Converts a page to 8 bits, mode ``L`` or ``RGB``; floats beyond [0, 1] are clipped."""
    if not isinstance(page, Picture):
        return page
    pixels = page.pixels
    if page.alpha is not None:
        share = (page.alpha / np.float32(opaque(page.alpha.dtype)))[..., None]
        pixels = 1.0 - share + share * pixels
    values = np.rint(np.clip(pixels, 0.0, 1.0) * 255.0).astype(np.uint8)
    return Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)
