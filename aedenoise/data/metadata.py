"""Metadata of a user's image: colour profile, resolution, EXIF without what the pixels decide."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

from PIL import Image

# A resolution in JPEG is a 16-bit integer.
_MOST_DPI = 65_535
_ACROSS, _DOWN, _UNIT, _INCH = 282, 283, 296, 2
_EXIF, _GPS, _INTEROP = 34665, 34853, 40965
_EXIF_WIDTH, _EXIF_HEIGHT = 40962, 40963
# Tags that describe the pixels of one file, which are others in the next: layout, compression,
# orientation, palettes, thumbnails, layers, and the profile, which has a place of its own.
_LAYOUT = frozenset(
    (
        *(*range(254, 267), 273, 274, *range(277, 285), *range(288, 294), 296, 301, 317, 318, 319),
        *(*range(320, 326), 330, *range(332, 344), 347, *range(512, 522), *range(529, 533)),
        *(34377, 34675, 37724, 50838, 50839, 50933),
    )
)


def find_profile(image: Image.Image) -> bytes | None:
    """Returns the ICC profile; that of CMYK or Lab does not apply to pixels converted to RGB."""
    if image.mode in ("CMYK", "LAB", "YCbCr", "HSV"):
        return None
    profile: bytes | None = image.info.get("icc_profile")
    return profile


def find_dpi(found: Any, *, swapped: bool = False) -> tuple[float, float] | None:
    """Returns a resolution, or None for a missing or an implausible one."""
    try:
        across, down = (float(value) for value in found)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    # A TIFF without a resolution has one of 1.
    if not all(math.isfinite(value) and 1.0 < value <= _MOST_DPI for value in (across, down)):
        return None
    return (down, across) if swapped else (across, down)


def clean_exif(
    exif: Image.Exif, size: tuple[int, int], dpi: tuple[float, float] | None
) -> bytes | None:
    """Returns the EXIF data for upright pixels, or None if nothing else is in them.

    Args:
      exif: data of the source; damaged ones are dropped.
      size: width and height of the upright picture.
      dpi: its resolution, which replaces that in the data.
    """
    # Pillow raises many types for damaged EXIF data, whose pixels may well be intact.
    with suppress(Exception):
        # Before the deletion: reading a part needs the offset of it.
        parts = {tag: dict(exif.get_ifd(tag)) for tag in (_EXIF, _GPS)}
        camera = parts[_EXIF]
        if _INTEROP in camera:
            camera[_INTEROP] = dict(exif.get_ifd(_INTEROP))
        for tag, side in zip((_EXIF_WIDTH, _EXIF_HEIGHT), size, strict=True):
            if tag in camera:
                camera[tag] = side
        kept = Image.Exif()
        for tag, value in exif.items():
            if tag not in _LAYOUT and tag not in parts and tag not in (_ACROSS, _DOWN):
                kept[tag] = value
        for tag, values in parts.items():
            if values:
                kept[tag] = values
        if not len(kept):
            return None
        if dpi is not None:
            kept[_ACROSS], kept[_DOWN], kept[_UNIT] = *dpi, _INCH
        return kept.tobytes()
    return None
