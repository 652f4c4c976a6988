"""Reading of users' image files: every page of a TIFF and every frame of an animation."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from aedenoise.data.deep_tiff import list_deep_pages, open_tiff, read_deep_page
from aedenoise.data.foreign_files import FOREIGN_SUFFIXES, check_not_foreign, is_hidden
from aedenoise.data.images import (
    FORMATS,
    SUFFIXES,
    UnreadableImageError,
    check_pixels,
    refusals,
    upright,
)
from aedenoise.data.metadata import clean_exif, find_dpi, find_profile
from aedenoise.data.picture_contents import Contents, find_contents, list_pages
from aedenoise.data.pixels import Picture, find_layout, from_image, grey_if_possible
from aedenoise.data.tiff import describe_kind, is_deep, is_negative, significant_bits, silenced
from aedenoise.errors import DataError

# A picture of A2 at 600 dpi; Pillow opens nothing larger.
LARGEST_PICTURE = 178_956_970
_ORIENTATION = 274


class PictureFile:
    """Pictures in an open file, read one at a time.

    Attributes:
      contents: what the file holds.
    """

    def __init__(self, source: Path | bytes, image: Image.Image | None, stack: ExitStack) -> None:
        self._source, self._image, self._stack = source, image, stack
        self._file = io.BytesIO(source) if isinstance(source, bytes) else source
        self._deep: Any = None
        with self._refusals():
            if image is None:
                self._numbers = list_deep_pages(self._tiff())
                self.contents = Contents(len(self._numbers), suffix=".tif")
            else:
                self._numbers = list_pages(image)
                self.contents = find_contents(image, len(self._numbers))

    def __iter__(self) -> Iterator[Picture]:
        """Yields the pictures.

        Raises:
          UnreadableImageError: for a picture that is damaged or too large.
        """
        for place, number in enumerate(self._numbers, 1):
            try:
                with self._refusals():
                    picture = self._read(number)
            except UnreadableImageError as error:
                if place == 1:
                    raise
                kind = "frame" if self.contents.animated else "page"
                raise UnreadableImageError(f"{kind} {place} {error}") from error
            yield picture

    def _read(self, number: int) -> Picture:
        if self._image is None:
            return read_deep_page(self._tiff(), number, LARGEST_PICTURE)
        image = self._image
        try:
            image.seek(number)
        except Exception:  # Pillow raises many types for pages of a kind that it does not know
            if image.format != "TIFF":
                raise
            return read_deep_page(self._tiff(), number, LARGEST_PICTURE)
        picture = read_page(image, number, self._tiff, LARGEST_PICTURE)
        if not self.contents.animated:
            return picture
        # Frames of grey animations are in colour after the first, and all have 8 bits.
        duration = float(image.info.get("duration") or 0.0)
        return replace(grey_if_possible(picture), duration=duration)

    def _tiff(self) -> Any:
        if self._deep is None:
            self._deep = self._stack.enter_context(open_tiff(self._source))
        return self._deep

    def _refusals(self) -> Any:
        return refusals(self._file, LARGEST_PICTURE)


@contextmanager
def open_pictures(source: Path | bytes) -> Iterator[PictureFile]:
    """Opens an image file, or the bytes of one.

    Raises:
      ForeignImageError: if it is in a format of cameras and phones.
      UnreadableImageError: if the format is unknown, or the file is damaged or too large.
    """
    check_not_foreign(source)
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with ExitStack() as stack:
        with refusals(file, LARGEST_PICTURE):
            try:
                image = stack.enter_context(Image.open(file, formats=FORMATS))
                check_pixels(*image.size, LARGEST_PICTURE)
            except UnidentifiedImageError:
                if describe_kind(file) is None:
                    raise
                image = None
        yield PictureFile(source, image, stack)


def read_picture(source: Path | bytes) -> Picture:
    """Reads the picture in a file or in the bytes of a file; of several the first.

    Raises:
      UnreadableImageError: if the format is unknown, or the image is damaged or too large.
    """
    with open_pictures(source) as pictures:
        return next(iter(pictures))


def find_suffix(source: Path | bytes) -> str:
    """Returns the ending of a result that loses nothing: ``.png`` where that does.

    Files that cannot be read get ``.png``; reading them gives the reason.
    """
    with suppress(UnreadableImageError), open_pictures(source) as pictures:
        return pictures.contents.suffix
    return ".png"


def find_pictures(place: Path) -> list[Path]:
    """Lists the image files in a folder and its subfolders, sorted by path, also those of cameras
    and phones that cannot be read. Hidden files and folders are left out.

    Raises:
      DataError: if there are none, or the folder cannot be read.
    """
    try:
        with os.scandir(place):  # rglob passes over what cannot be read
            pass
    except OSError as error:
        raise DataError(f"{place} cannot be read: {error.strerror}") from error
    named = (*SUFFIXES, *FOREIGN_SUFFIXES)
    found = sorted(file for file in place.rglob("*") if file.suffix.lower() in named)
    found = [
        file
        for file in found
        if file.is_file() and not any(map(is_hidden, file.relative_to(place).parts))
    ]
    if not found:
        raise DataError(f"no image in {place} ({', '.join(SUFFIXES)})")
    return found


def read_page(image: Image.Image, number: int, tiff: Callable[[], Any], most: int) -> Picture:
    """Reads the page at which an opened image stands.

    Args:
      image: the image.
      number: place of the page in the file, from 0.
      tiff: function that opens the same file with tifffile; called only where Pillow reads less.
      most: number of pixels above which the page is rejected.

    Raises:
      UnreadableImageError: if it is too large, or its values have no known range.
    """
    check_pixels(*image.size, most)
    if is_deep(image):
        # Compressed in a way for which tifffile needs a library: 8 bits of it are read.
        with suppress(Exception):
            return read_deep_page(tiff(), number, most)
    return _from_page(image)


def _from_page(image: Image.Image) -> Picture:
    layout, swapped = find_layout(image), _is_on_its_side(image)
    tags: Any = getattr(image, "tag_v2", None)
    stated = None if tags is None else significant_bits(tags.get)
    # libtiff writes lines of its own, which name no file.
    with silenced() if image.format == "TIFF" else nullcontext():
        turned = upright(image)
    # Facts are those of ``image``: the transposition returns an image without pages and tags.
    picture = from_image(turned, layout, stated)
    if is_negative(image):
        picture = picture.with_pixels(1.0 - picture.pixels)
    dpi = find_dpi(image.info.get("dpi"), swapped=swapped)
    try:
        exif = clean_exif(image.getexif(), turned.size, dpi)
    except Exception:  # Pillow raises many types for damaged EXIF data
        exif = None
    return replace(picture, profile=find_profile(image), dpi=dpi, exif=exif)


def _is_on_its_side(image: Image.Image) -> bool:
    """Returns True for an EXIF orientation that swaps width and height, before it is applied."""
    with suppress(Exception):  # Pillow raises many types for damaged EXIF data
        return int(image.getexif().get(_ORIENTATION, 1)) > 4
    return False
