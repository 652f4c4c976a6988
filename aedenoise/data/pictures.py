"""Conversion of users' image files to arrays and back, with alpha, bit depth and profile."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from aedenoise.config.options import WRITTEN
from aedenoise.data.images import SUFFIXES, UnreadableImageError, read_with
from aedenoise.errors import DataError, UsageError

# Compression must not add artefacts to a denoised picture: lossless, or, for JPEG, high quality
# without chroma subsampling.
_SAVED_WITH: dict[str, dict[str, Any]] = {
    "WEBP": {"lossless": True},
    "JPEG": {"quality": 95, "subsampling": 0},
}
# Limits of the formats, in pixels per side.
_LARGEST = {"WEBP": 16_383, "JPEG": 65_500}


@dataclass(frozen=True)
class Picture:
    """Picture with its EXIF orientation applied.

    Attributes:
      pixels: float32 ``[H, W, 1]`` or ``[H, W, 3]`` in [0, 1].
      alpha: uint8 ``[H, W]``, or None for an opaque picture.
      bits: bit depth, 8 or, for grey pictures only, 16.
      profile: ICC colour profile, if any.
      pages: number of pages in the file (TIFF, GIF); this picture is the first.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    bits: int = 8
    profile: bytes | None = None
    pages: int = 1

    def with_pixels(self, pixels: np.ndarray) -> Picture:
        """Returns a copy with other pixels."""
        return replace(self, pixels=pixels)


def read_picture(source: Path | bytes) -> Picture:
    """Reads the picture in a file or in the bytes of a file.

    Raises:
      UnreadableImageError: if the format is unknown, or the image is damaged or too large.
    """

    def picture(image: Image.Image) -> Picture:
        # Before the transposition, which returns an image without pages.
        pages = getattr(image, "n_frames", 1)
        return replace(_picture(ImageOps.exif_transpose(image)), pages=pages)

    return read_with(source, picture)


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
    deep = picture.bits == 16 and grey and picture.alpha is None and form in ("PNG", "TIFF")
    scale, kind = (65_535, np.uint16) if deep else (255, np.uint8)
    values = np.round(np.clip(picture.pixels, 0.0, 1.0) * scale).astype(kind)
    image = Image.fromarray(values[..., 0] if grey else values)
    if picture.alpha is not None and form != "JPEG":
        image.putalpha(Image.fromarray(picture.alpha))
    buffer = io.BytesIO()
    image.save(buffer, form, icc_profile=picture.profile, **_SAVED_WITH.get(form, {}))
    return buffer.getvalue()


def find_pictures(place: Path) -> list[Path]:
    """Lists the image files in a folder and its subfolders, sorted by path.

    Raises:
      DataError: if there are none.
    """
    found = sorted(file for file in place.rglob("*") if file.suffix.lower() in SUFFIXES)
    found = [file for file in found if file.is_file()]
    if not found:
        raise DataError(f"no image in {place} ({', '.join(SUFFIXES)})")
    return found


def _picture(image: Image.Image) -> Picture:
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16") or image.mode == "I":
        # Pillow uses the 32-bit mode I for some 16-bit files.
        deep = np.asarray(image).astype(np.int64).clip(0, 65_535)
        return Picture((deep / 65_535).astype(np.float32)[..., None], None, 16, profile)
    if image.mode == "F":
        raise UnreadableImageError("has floating-point pixels of no known range")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        grey = image.mode in ("LA", "La", "L")
        plain = image.convert("RGBA")
        alpha = np.asarray(plain.getchannel("A"))
        return Picture(_floats(plain.convert("L" if grey else "RGB")), alpha, 8, profile)
    if image.mode in ("1", "L"):
        return Picture(_floats(image.convert("L")), None, 8, profile)
    # A CMYK or Lab profile does not apply to pixels converted to RGB.
    kept = profile if image.mode in ("RGB", "P") else None
    return Picture(_floats(image.convert("RGB")), None, 8, kept)


def _floats(image: Image.Image) -> np.ndarray:
    values = np.asarray(image, np.float32) / np.float32(255.0)
    return values[..., None] if values.ndim == 2 else values
