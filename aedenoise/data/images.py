"""Decoding of image files, which are not trusted, with Pillow."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

# Enough for photographs; larger images are rejected before they are decoded.
MAX_PIXELS = 64_000_000
# An explicit list: Pillow would otherwise try decoders of rare formats on untrusted files.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "GIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".ppm", ".pgm", ".gif")


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

    Transparent pixels become white; 16-bit grey values are scaled to 8 bits.

    Raises:
      UnreadableImageError: if the format is unknown, or the image is damaged or too large.
    """
    return read_with(path, lambda image: _plain(ImageOps.exif_transpose(image)))


def read_with(source: Path | bytes, use: Callable[[Image.Image], Read]) -> Read:
    """Opens the image in a file, or in the bytes of one, and returns ``use(image)``.

    Raises:
      UnreadableImageError: if the format is unknown, or the image is damaged or too large.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with warnings.catch_warnings():
            # Pillow warns of large images; MAX_PIXELS rejects them instead.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as image:
                pixels = image.width * image.height
                if pixels > MAX_PIXELS:
                    raise UnreadableImageError(f"has {pixels:,} pixels, more than {MAX_PIXELS:,}")
                image.load()
                return use(image)
    except UnreadableImageError:
        raise
    except Exception as error:  # Pillow raises many types for damaged files
        raise UnreadableImageError(_why_unreadable(error)) from error


def _why_unreadable(error: Exception) -> str:
    """Describes an error of Pillow or the system as a predicate of the file."""
    if isinstance(error, UnidentifiedImageError):
        return "is no image of a known format"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    return "is damaged or cut short"


def _plain(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":
        # 65,535 is 257 times 255, so white stays white.
        high = np.asarray(image).astype(np.int64).clip(0, 65_535)
        return Image.fromarray((high // 257).astype(np.uint8))
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image).convert("RGB")
    grey = image.mode in ("1", "L")
    return image.convert("L" if grey else "RGB")
