"""Writing of pictures: formats, what each of them holds, pages of a TIFF and animations."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import IO, Any

import numpy as np
from PIL import Image

from aedenoise.config.denoise_options import WRITTEN
from aedenoise.data.picture_contents import Contents
from aedenoise.data.pixels import Picture, opaque
from aedenoise.data.tiff_writing import alpha_as, write_tiff
from aedenoise.errors import UsageError

# Compression must not add artefacts to a denoised picture: lossless, or, for JPEG, high quality
# without chroma subsampling.
_SAVED_WITH: dict[str, dict[str, Any]] = {
    "WEBP": {"lossless": True},
    "JPEG": {"quality": 95, "subsampling": 0},
}
# Limits of the formats, in pixels per side.
_LARGEST = {"WEBP": 16_383, "JPEG": 65_500, "GIF": 65_535}
_WITH_DPI = ("PNG", "JPEG", "BMP")
_WITH_EXIF = ("PNG", "JPEG", "WEBP")
# Formats that hold animations.
_MOVING = ("GIF", "PNG", "WEBP")
# JPEG has no room for more EXIF data.
_MOST_EXIF = 65_533
# Colour of a GIF that stands for transparent pixels, and from which on pixels are opaque.
_CLEAR, _OPAQUE = 255, 128


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


def check_holds(suffix: str, contents: Contents) -> None:
    """Checks the pages or frames of a file against its new format.

    Raises:
      UsageError: if the format holds only one picture.
    """
    form = WRITTEN[suffix]
    if contents.count == 1 or form in (_MOVING if contents.animated else ("TIFF",)):
        return
    kind, endings = ("frames", ".gif, .png or .webp") if contents.animated else ("pages", ".tif")
    raise UsageError(
        f"{contents.count} {kind} do not fit in {suffix}; let --output end with {endings}"
    )


def kept_bits(picture: Picture, suffix: str) -> int:
    """Returns how many bits of a value a file with this ending keeps."""
    form = WRITTEN[suffix]
    deep = form == "TIFF" or (form == "PNG" and picture.pixels.shape[-1] == 1)
    return picture.bits if deep else min(picture.bits, 8)


def encode_picture(picture: Picture, suffix: str = ".png") -> bytes:
    """Encodes a picture as the bytes of a file.

    Properties that the format cannot store (16 bits, alpha in JPEG) are lost.
    """
    buffer = io.BytesIO()
    save_pictures(buffer, [picture], suffix, Contents())
    return buffer.getvalue()


def save_pictures(
    file: IO[bytes], pictures: Iterable[Picture], suffix: str, contents: Contents
) -> None:
    """Writes the pages or frames of a file; pages are taken and written one at a time.

    Args:
      file: file open for writing and reading, at its start.
      pictures: the pages or frames.
      suffix: ending of its name.
      contents: what the source holds.
    """
    form = WRITTEN[suffix]
    if form == "TIFF":
        write_tiff(file, pictures, contents.count)
    elif contents.count > 1:
        _save_animation(file, pictures, form, contents)
    else:
        (picture,) = pictures
        _save_still(file, picture, form)


def _save_still(file: IO[bytes], picture: Picture, form: str) -> None:
    grey = picture.pixels.shape[-1] == 1
    mask = picture.alpha if form not in ("JPEG", "BMP") else None
    # A grey PNG of 16 bits holds one transparent value.
    keyed = (
        mask is not None and form == "PNG" and bool(np.isin(mask, (0, opaque(mask.dtype))).all())
    )
    options = _options(picture, form)
    if picture.bits > 8 and grey and form == "PNG" and (mask is None or keyed):
        values = _values(picture, picture.bits, np.uint16)
        if mask is not None:
            values[..., 0], options["transparency"] = _keyed(values[..., 0], mask > 0)
        image = Image.fromarray(values[..., 0])
    else:
        image = _image(picture, with_alpha=mask is not None)
        if form == "GIF":
            image, options["transparency"] = _indexed(image)
    image.save(file, form, **{key: value for key, value in options.items() if value is not None})


def _save_animation(
    file: IO[bytes], frames: Iterable[Picture], form: str, contents: Contents
) -> None:
    """Writes whole frames, so that none depends on an earlier one."""
    images, durations = [], []
    options: dict[str, Any] = {}
    for frame in frames:
        options = options or _options(frame, form)
        images.append(_image(frame, with_alpha=frame.alpha is not None))
        durations.append(frame.duration)
    cover = contents.cover and form == "PNG"
    if contents.cover:
        durations = durations[1:]
        images = images if cover else images[1:]
    options["duration"] = durations
    # One mode for all: the header of a PNG and the transparent colour of a GIF hold for all frames.
    clear = any("A" in image.mode for image in images)
    grey = all(image.mode in ("L", "LA") for image in images)
    mode = ("L" if grey else "RGB") + "A" * clear
    images = [image.convert(mode) for image in images]
    if form == "GIF":
        images = [_indexed(image)[0] for image in images]
        options["optimize"] = False
        if clear:
            options.update(transparency=_CLEAR, disposal=2)
        # A GIF counts repetitions, of which it has none without a number.
        if contents.plays != 1:
            options["loop"] = max(0, contents.plays - 1)
    else:
        options["loop"] = contents.plays
        if form == "PNG":
            options.update(default_image=cover, blend=0, disposal=0)
    images[0].save(file, form, save_all=True, append_images=images[1:], **options)


def _options(picture: Picture, form: str) -> dict[str, Any]:
    options = dict(_SAVED_WITH.get(form, {}))
    if form != "GIF":
        options["icc_profile"] = picture.profile
    if picture.dpi is not None and form in _WITH_DPI:
        options["dpi"] = picture.dpi
    room = _MOST_EXIF if form == "JPEG" else 2**31
    if picture.exif is not None and form in _WITH_EXIF and len(picture.exif) <= room:
        options["exif"] = picture.exif
    return options


def _image(picture: Picture, *, with_alpha: bool) -> Image.Image:
    """Converts a picture to 8 bits per channel."""
    values = _values(picture, 8, np.uint8)
    image = Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)
    if with_alpha:
        whole = np.full(values.shape[:2], 255, np.uint8)
        alpha = whole if picture.alpha is None else alpha_as(picture.alpha, np.uint8)
        image.putalpha(Image.fromarray(alpha))
    return image


def _values(picture: Picture, bits: int, kind: type[np.generic]) -> np.ndarray:
    values: np.ndarray = np.clip(picture.pixels, 0.0, 1.0) * np.float32(2**bits - 1)
    return np.round(values).astype(kind)


def _indexed(image: Image.Image) -> tuple[Image.Image, int | None]:
    """Converts an image to at most 256 colours of its own, one of them for transparent pixels;
    also returns that one. Greys stay as they are, unless one of 256 is to be transparent."""
    if image.mode in ("L", "RGB"):
        return (image if image.mode == "L" else image.quantize(256, _NO_ALPHA)), None
    clear = np.asarray(image.getchannel("A")) < _OPAQUE
    plain = image.convert("RGB").quantize(_CLEAR, _NO_ALPHA)
    indices = np.where(clear, np.uint8(_CLEAR), np.asarray(plain))
    found = Image.fromarray(indices.astype(np.uint8), "P")
    found.putpalette((plain.getpalette() or []) + [0] * (768 - len(plain.getpalette() or [])))
    return found, _CLEAR


_NO_ALPHA = Image.Quantize.MEDIANCUT


def _keyed(values: np.ndarray, opaque: np.ndarray) -> tuple[np.ndarray, int]:
    """Gives transparent pixels a value that no opaque pixel has; also returns that value."""
    free = np.flatnonzero(np.bincount(values[opaque], minlength=65_536) == 0)
    # All 65,536 in use: opaque pixels of value 0 become 1, which no eye tells apart.
    key = int(free[0]) if len(free) else 0
    return np.where(opaque, np.maximum(values, key == 0), key).astype(np.uint16), key
