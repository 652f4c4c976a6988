"""Decoding of image files, which are not trusted, with Pillow."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from aedenoise.data.tiff import describe_kind, is_negative, quiet_logs, significant_bits

# Enough for photographs; larger images are rejected before they are decoded.
MAX_PIXELS = 64_000_000
# An explicit list: Pillow would otherwise try decoders of rare formats on untrusted files.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "GIF")
# All that Pillow knows for these formats.
SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
)
# Formats whose pages are images in their own right, and those whose frames are one image.
PAGED_SUFFIXES = (".tif", ".tiff")
ANIMATED = ("GIF", "PNG", "WEBP")
# TIFF tag NewSubfileType: a smaller version of another page, or a transparency mask.
_SUBFILE_TYPE = 254
NO_PAGE = 1 | 4


Read = TypeVar("Read")


class UnreadableImageError(ValueError):
    """File that is not an image of the expected kind; the text gives the reason."""


def decode_png(content: bytes, size: tuple[int, int]) -> np.ndarray:
    """Decodes a grey PNG of exactly ``size`` (height, width) to uint8 ``[H, W]``.

    Raises:
      UnreadableImageError: if the format or size differs, or the image is damaged.
    """
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            if image.size != size[::-1]:
                raise UnreadableImageError(f"{image.size[1]} x {image.size[0]} pixels")
            return np.asarray(image if image.mode == "L" else image.convert("L"))
    except UnreadableImageError:
        raise
    except Exception as error:  # Pillow raises many types for damaged files
        raise UnreadableImageError(_why_unreadable(error)) from error


def read_image(path: Path) -> Image.Image:
    """Reads an image as mode ``L`` (grey) or ``RGB``, with its EXIF orientation applied.

    Transparent pixels become white; floats and greys of more than 8 bits are scaled to 8 bits.

    Raises:
      UnreadableImageError: if the format is unknown, or the image is damaged or too large.
    """
    return read_with(path, lambda image: _in_8_bits(image))


def upright(image: Image.Image) -> Image.Image:
    """Loads an image and applies its EXIF orientation; EXIF data that are damaged are ignored."""
    image.load()
    # Pillow raises many types for damaged EXIF data, whose pixels may well be intact.
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


def read_with(
    source: Path | bytes, use: Callable[[Image.Image], Read], most: int = MAX_PIXELS
) -> Read:
    """Opens the image in a file, or in the bytes of one, and returns ``use(image)``.

    Args:
      source: path, or content of a file.
      use: function of the opened image, whose pixels are not yet loaded.
      most: number of pixels above which an image is rejected before it is decoded.

    Raises:
      UnreadableImageError: if the format is unknown, or the image is damaged or too large.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with refusals(file, most), Image.open(file, formats=FORMATS) as image:
        check_pixels(*image.size, most)
        return use(image)


@contextmanager
def refusals(file: Path | io.BytesIO, most: int) -> Iterator[None]:
    """Converts errors of decoders to UnreadableImageError, and hides their warnings and logs.

    Args:
      file: path or content of the image, for its description.
      most: number of pixels above which an image is rejected.
    """
    try:
        with warnings.catch_warnings(), quiet_logs():
            # Pillow warns of large images, which ``most`` rejects instead, and of damaged tags,
            # whose pixels may well be intact.
            warnings.simplefilter("ignore")
            yield
    except UnreadableImageError:
        raise
    except Image.DecompressionBombError as error:
        # Pillow's own limit, checked while it opens a file: only its text has the size.
        found = re.search(r"\((\d+) pixels\)", str(error))
        pixels_there = f"{int(found[1]):,} pixels, " if found else ""
        raise UnreadableImageError(f"has {pixels_there}more than {most:,}") from error
    except UnidentifiedImageError as error:
        kind = describe_kind(file)
        if kind is None:
            raise UnreadableImageError(_why_unreadable(error)) from error
        raise UnreadableImageError(
            f"is {kind}, which cannot be read; convert it to 8 or 16 bits, uncompressed"
        ) from error
    except Exception as error:  # Pillow raises many types for damaged files
        raise UnreadableImageError(_why_unreadable(error)) from error


@dataclass(frozen=True)
class Pages(Generic[Read]):
    """What was made of the pages of an image file.

    Attributes:
      results: result of each readable page.
      unreadable: numbers of the other pages, from 1.
      format: Pillow's name of the format.
      pages: number of pages or frames in the file, as far as it was looked at.
    """

    results: list[Read]
    unreadable: list[int]
    format: str
    pages: int


def read_pages(path: Path, use: Callable[[Image.Image], Read]) -> Pages[Read]:
    """Returns ``use(page)`` for each page of a TIFF, or for the first frame of any other file.

    Pages are like images of ``read_image``, one in memory at a time; smaller versions of a page
    and masks are no pages.

    Raises:
      UnreadableImageError: see ``read_image``; for damage after the first page the numbers of
        these pages are returned instead.
    """

    def all_pages(image: Image.Image) -> Pages[Read]:
        # Before the transposition, which returns an image without pages.
        name = image.format or ""
        frames = getattr(image, "n_frames", 1) if name in ANIMATED else 1
        results, unreadable = [use(_in_8_bits(image))], []
        number = 1
        while name == "TIFF":
            try:
                image.seek(number)
            except EOFError:
                break
            except Exception:  # the list of pages itself is damaged, so there is no next one
                unreadable.append(number + 1)
                break
            number += 1
            if not is_page(image):
                continue
            try:
                check_pixels(*image.size, MAX_PIXELS)
                page = _in_8_bits(image)
            except Exception:  # Pillow raises many types for damaged files
                unreadable.append(number)
            else:
                results.append(use(page))
        return Pages(results, unreadable, name, max(frames, number))

    return read_with(path, all_pages)


def is_page(image: Image.Image) -> bool:
    """Returns False for a smaller version or a mask of another page of a TIFF."""
    return not getattr(image, "tag_v2", {}).get(_SUBFILE_TYPE, 0) & NO_PAGE


def check_pixels(width: int, height: int, most: int) -> None:
    """Raises UnreadableImageError for more than ``most`` pixels."""
    pixels = width * height
    if pixels > most:
        raise UnreadableImageError(f"has {pixels:,} pixels, more than {most:,}")


def _why_unreadable(error: Exception) -> str:
    """Describes an error of Pillow or the system as a predicate of the file."""
    if isinstance(error, UnidentifiedImageError):
        return "is no image of a known format"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    return "is damaged or cut short"


def _in_8_bits(image: Image.Image) -> Image.Image:
    """Loads a page as mode ``L`` or ``RGB``, upright; depth and floats are read as for denoising.

    A network must see pictures in training as it sees them later.
    """
    # The module of pictures imports this one.
    from aedenoise.data.pixels import from_image

    tags: Any = getattr(image, "tag_v2", None)
    stated = None if tags is None else significant_bits(tags.get)
    negative = is_negative(image)
    image = upright(image)
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        pixels = from_image(image, image.mode, stated).pixels[..., 0]
        pixels = (1.0 - pixels if negative else pixels).clip(0.0, 1.0)
        return Image.fromarray(np.rint(pixels * np.float32(255.0)).astype(np.uint8))
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image).convert("RGB")
    grey = image.mode in ("1", "L")
    return image.convert("L" if grey else "RGB")
