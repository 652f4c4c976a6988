"""Decoding of image files, which are not trusted, with Pillow."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from aedenoise.data.tiff import describe_kind, quiet_logs

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


def upright(image: Image.Image) -> Image.Image:
    """Loads an image and applies its EXIF orientation; EXIF data that are damaged are ignored."""
    image.load()
    # Pillow raises many types for damaged EXIF data, whose pixels may well be intact.
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


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
