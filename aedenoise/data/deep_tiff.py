"""TIFF beyond Pillow: 16-bit colour, floats in colour and deep alpha are read by tifffile."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aedenoise.data.images import NO_PAGE, UnreadableImageError, check_pixels
from aedenoise.data.metadata import clean_exif, find_dpi
from aedenoise.data.pixels import Picture, from_floats, from_integers, opaque
from aedenoise.data.tiff import WHITE_IS_ZERO, describe_tags, significant_bits

_ORIENTATION, _UNIT = 274, 296
_BLACK_IS_ZERO, _RGB = 1, 2
_PREMULTIPLIED, _ALPHA = 1, 2
# Pixels of one channel or of several, the latter also in separate planes.
_AXES = ("YX", "YXS", "SYX")
_CENTIMETRE = 3
_TURNED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda values: values[:, ::-1],
    3: lambda values: values[::-1, ::-1],
    4: lambda values: values[::-1],
    5: lambda values: values.swapaxes(0, 1),
    6: lambda values: values.swapaxes(0, 1)[:, ::-1],
    7: lambda values: values[::-1, ::-1].swapaxes(0, 1),
    8: lambda values: values.swapaxes(0, 1)[::-1],
}


@contextmanager
def open_tiff(source: Path | bytes) -> Iterator[Any]:
    """Opens a TIFF with tifffile."""
    from tifffile import TiffFile  # imported late: few files need it

    content = io.BytesIO(source) if isinstance(source, bytes) else source
    with TiffFile(content) as file:
        yield file


def list_deep_pages(file: Any) -> list[int]:
    """Lists the places of the pages in a file of ``open_tiff``, without smaller versions."""
    return [place for place, page in enumerate(file.pages) if not page.subfiletype & NO_PAGE]


def read_deep_page(file: Any, number: int, most: int) -> Picture:
    """Reads a page in full depth, upright.

    Args:
      file: file of ``open_tiff``.
      number: place of the page in the file, from 0.
      most: number of pixels above which it is rejected.

    Raises:
      UnreadableImageError: if it is too large, or its samples are neither grey nor RGB.
      ValueError: if its compression needs a library that is not installed, and other errors of
        tifffile for damaged files.
    """
    page = file.pages[number]
    check_pixels(page.imagewidth, page.imagelength, most)
    channels = 3 if page.photometric == _RGB else 1
    known = page.photometric in (WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB) and page.axes in _AXES
    kind = np.dtype(page.dtype or "V")
    whole = kind in (np.uint8, np.uint16)
    extra = page.samplesperpixel - channels
    if not (known and (whole or kind.kind == "f") and extra in (0, 1)):
        raise UnreadableImageError(
            f"is {describe_tags(page.tags.valueof)}, which cannot be read; convert it to grey or "
            "RGB of 8 or 16 bits, uncompressed"
        )
    values = page.asarray()
    if page.axes == "SYX":
        values = np.moveaxis(values, 0, -1)
    turned = int(page.tags.valueof(_ORIENTATION, 1))
    if turned in _TURNED:
        values = _TURNED[turned](values)
    values = values.reshape(*values.shape[:2], -1)
    kind_of_extra = tuple(page.extrasamples)[:1]
    alpha = values[..., channels] if kind_of_extra in ((_PREMULTIPLIED,), (_ALPHA,)) else None
    values = values[..., :channels]
    if alpha is not None and kind_of_extra == (_PREMULTIPLIED,):
        values = _divided(values, alpha)
    if whole:
        bits = significant_bits(page.tags.valueof)
        picture = from_integers(values, bits, alpha=alpha)
        if page.photometric == WHITE_IS_ZERO:
            picture = picture.with_pixels(1.0 - picture.pixels)
    else:
        picture = from_floats(values, None if alpha is None else _opacity(alpha))
    return _with_facts(picture, file, page, swapped=turned > 4)


def _divided(values: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Undoes the multiplication of colours by their opacity."""
    if values.dtype.kind == "f":
        found: np.ndarray = values / np.maximum(alpha, 1e-6)[..., None]
        return found
    white = np.float64(opaque(values.dtype))
    found = values * (white / np.maximum(alpha, 1))[..., None]
    whole: np.ndarray = np.round(np.minimum(found, white))
    return whole.astype(values.dtype)


def _opacity(alpha: np.ndarray) -> np.ndarray:
    share: np.ndarray = np.clip(np.nan_to_num(alpha), 0.0, 1.0)
    return np.round(share * 65_535.0).astype(np.uint16)


def _with_facts(picture: Picture, file: Any, page: Any, *, swapped: bool) -> Picture:
    """Adds profile, resolution and EXIF."""
    # A unit of neither inch nor centimetre says no more than the ratio of the sides.
    unit = page.tags.valueof(_UNIT, 2)
    found = page.get_resolution("inch") if unit in (2, _CENTIMETRE) else None
    dpi = find_dpi(found, swapped=swapped)
    exif = Image.Exif()
    exif.endian, exif.bigtiff = file.byteorder, file.is_bigtiff
    exif.load_from_fp(file.filehandle, page.offset)
    size = (picture.pixels.shape[1], picture.pixels.shape[0])
    return replace(picture, profile=page.iccprofile, dpi=dpi, exif=clean_exif(exif, size, dpi))
