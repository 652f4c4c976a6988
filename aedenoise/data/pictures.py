"""Conversion of users' image files to arrays and back, with alpha, bit depth, profile and dpi."""

from __future__ import annotations

import io
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aedenoise.config.options import WRITTEN
from aedenoise.data.images import SUFFIXES, UnreadableImageError, read_with, upright
from aedenoise.data.tiff import significant_bits
from aedenoise.errors import DataError, UsageError

# A picture of A2 at 600 dpi; Pillow opens nothing larger.
LARGEST_PICTURE = 178_956_970
# Compression must not add artefacts to a denoised picture: lossless, or, for JPEG, high quality
# without chroma subsampling.
_SAVED_WITH: dict[str, dict[str, Any]] = {
    "WEBP": {"lossless": True},
    "JPEG": {"quality": 95, "subsampling": 0},
}
# Limits of the formats, in pixels per side.
_LARGEST = {"WEBP": 16_383, "JPEG": 65_500}
# Formats that store a resolution; that of JPEG is a 16-bit integer.
_WITH_DPI, _MOST_DPI = ("PNG", "TIFF", "JPEG", "BMP"), 65_535
# Depths of cameras and scanners, whose values lie in the low bits of 16.
_DEPTHS = (8, 10, 12, 14)


@dataclass(frozen=True)
class Picture:
    """Picture with its EXIF orientation applied.

    Attributes:
      pixels: float32 ``[H, W, 1]`` or ``[H, W, 3]`` in [0, 1].
      alpha: uint8 ``[H, W]``, or None for an opaque picture.
      bits: significant bits, 8 or, for grey pictures only, up to 16; white is ``2**bits - 1``.
      profile: ICC colour profile, if any.
      dpi: horizontal and vertical resolution, if the file has one.
      pages: number of pages in the file (TIFF, GIF); this picture is the first.
      guessed: True if ``bits`` was chosen by the largest value, not stated by the file.
      reduced: True if the file has 16 bits per channel, of which 8 were read.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    bits: int = 8
    profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    pages: int = 1
    guessed: bool = False
    reduced: bool = False

    def with_pixels(self, pixels: np.ndarray) -> Picture:
        """Returns a copy with other pixels."""
        return replace(self, pixels=pixels)


def read_picture(source: Path | bytes) -> Picture:
    """Reads the picture in a file or in the bytes of a file.

    Raises:
      UnreadableImageError: if the format is unknown, or the image is damaged or too large.
    """

    def picture(image: Image.Image) -> Picture:
        layout = _layout(image)
        turned = upright(image)
        # Facts are those of ``image``: the transposition returns an image without pages and tags.
        return replace(
            _picture(turned, layout, significant_bits(image)),
            profile=_profile(image),
            dpi=_dpi(image, swapped=turned.size != image.size),
            pages=getattr(image, "n_frames", 1),
        )

    return read_with(source, picture, LARGEST_PICTURE)


def check_fits(suffix: str, height: int, width: int) -> None:
    """Checks a picture's size against the limit of its file format.

    Raises:
      UsageError: if it is too large.
    """
    most = _LARGEST.get(WRITTEN[suffix], max(height, width))
    if max(height, width) > most:
        raise UsageError(
            f"{suffix} holds no more than {most:,} pixels a side, not {height:,} x {width:,}; "
            "use .png"
        )


def encode_picture(picture: Picture, suffix: str = ".png") -> bytes:
    """Encodes a picture as the bytes of a file.

    Properties that the format cannot store (16 bits, alpha in JPEG) are lost.
    """
    form = WRITTEN[suffix]
    grey = picture.pixels.shape[-1] == 1
    mask = picture.alpha if form not in ("JPEG", "BMP") else None
    # A grey PNG of 16 bits holds one transparent value; a TIFF holds none.
    keyed = mask is not None and form == "PNG" and bool(np.isin(mask, (0, 255)).all())
    deep = picture.bits > 8 and grey and form in ("PNG", "TIFF") and (mask is None or keyed)
    scale, kind = (2**picture.bits - 1, np.uint16) if deep else (255, np.uint8)
    values = np.round(np.clip(picture.pixels, 0.0, 1.0) * np.float32(scale)).astype(kind)
    options = dict(_SAVED_WITH.get(form, {}))
    if deep and mask is not None:
        values[..., 0], options["transparency"] = _keyed(values[..., 0], mask > 0)
    image = Image.fromarray(values[..., 0] if grey else values)
    if mask is not None and not deep:
        image.putalpha(Image.fromarray(mask))
    if picture.dpi is not None and form in _WITH_DPI:
        options["dpi"] = picture.dpi
    buffer = io.BytesIO()
    image.save(buffer, form, icc_profile=picture.profile, **options)
    return buffer.getvalue()


def find_pictures(place: Path) -> list[Path]:
    """Lists the image files in a folder and its subfolders, sorted by path.

    Raises:
      DataError: if there are none, or the folder cannot be read.
    """
    try:
        with os.scandir(place):  # rglob passes over what cannot be read
            pass
    except OSError as error:
        raise DataError(f"{place} cannot be read: {error.strerror}") from error
    found = sorted(file for file in place.rglob("*") if file.suffix.lower() in SUFFIXES)
    found = [file for file in found if file.is_file()]
    if not found:
        raise DataError(f"no image in {place} ({', '.join(SUFFIXES)})")
    return found


def _picture(image: Image.Image, layout: str, stated: int | None) -> Picture:
    """Converts the pixels; ``stated`` is the depth in the tags of a TIFF."""
    key = image.info.get("transparency")
    if image.mode.startswith("I;16") or image.mode == "I":
        return _deep(np.asarray(image), stated, key)
    if image.mode == "F":
        raise UnreadableImageError("has floating-point pixels of no known range")
    reduced = ";16" in layout
    if reduced and isinstance(key, tuple):
        # Pillow keeps the high bytes of the pixels, yet the whole words of their transparent value.
        image.info["transparency"] = tuple(value >> 8 for value in key)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        grey = image.mode in ("LA", "La", "L") or layout.startswith("LA")
        plain = image.convert("RGBA")
        alpha = np.asarray(plain.getchannel("A"))
        pixels = _floats(plain.getchannel("R") if grey else plain.convert("RGB"))
        return Picture(pixels, alpha, reduced=reduced)
    kind = "L" if image.mode in ("1", "L") else "RGB"
    return Picture(_floats(image.convert(kind)), reduced=reduced)


def _deep(values: np.ndarray, stated: int | None, key: Any) -> Picture:
    """Converts grey values of up to 16 bits, whose range may be smaller than their container."""
    opaque = values != key if isinstance(key, int) else None
    # Pillow uses a 32-bit mode for some 16-bit files.
    most = int(values.max(initial=0, where=True if opaque is None else opaque))
    if most > 65_535:
        raise UnreadableImageError("has pixels of more than 16 bits; convert it to 16 bits")
    bits = min(16, stated or 16)
    least = next((depth for depth in _DEPTHS if most < 2**depth), bits)
    # A file that states the depth of a camera is believed; 15 is that of any signed file.
    guessed = most > 0 and bits > max(_DEPTHS) and least < bits
    bits = max(8, least if guessed else bits, most.bit_length())
    # Signed files can have negative values.
    pixels = values.clip(0, 2**bits - 1).astype(np.float32)[..., None]
    pixels /= np.float32(2**bits - 1)
    alpha = None if opaque is None else np.where(opaque, 255, 0).astype(np.uint8)
    return Picture(pixels, alpha, bits, guessed=guessed)


def _keyed(values: np.ndarray, opaque: np.ndarray) -> tuple[np.ndarray, int]:
    """Gives transparent pixels a value that no opaque pixel has; also returns that value."""
    free = np.flatnonzero(np.bincount(values[opaque], minlength=65_536) == 0)
    # All 65,536 in use: opaque pixels of value 0 become 1, which no eye tells apart.
    key = int(free[0]) if len(free) else 0
    return np.where(opaque, np.maximum(values, key == 0), key).astype(np.uint16), key


def _layout(image: Image.Image) -> str:
    """Returns Pillow's name of the layout in the file, such as ``RGB;16B``, before it is loaded."""
    tiles = getattr(image, "tile", None)
    parameters = tiles[0][3] if tiles else ""
    return str(parameters[0] if isinstance(parameters, tuple) and parameters else parameters)


def _profile(image: Image.Image) -> bytes | None:
    """Returns the ICC profile; that of CMYK or Lab does not apply to pixels converted to RGB."""
    if image.mode in ("CMYK", "LAB", "YCbCr", "HSV"):
        return None
    profile: bytes | None = image.info.get("icc_profile")
    return profile


def _dpi(image: Image.Image, *, swapped: bool) -> tuple[float, float] | None:
    """Returns the resolution, or None where the file has none or an implausible one."""
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    # A TIFF without a resolution has one of 1.
    if not all(math.isfinite(value) and 1.0 < value <= _MOST_DPI for value in (across, down)):
        return None
    return (down, across) if swapped else (across, down)


def _floats(image: Image.Image) -> np.ndarray:
    values = np.array(image, np.float32)
    values /= np.float32(255.0)
    return values[..., None] if values.ndim == 2 else values
