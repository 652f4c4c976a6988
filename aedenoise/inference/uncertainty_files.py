"""Pictures of half-widths: ``NAME-uncertainty.png``, or ``.tif`` where no PNG holds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aedenoise.data.picture_contents import Contents
from aedenoise.data.picture_writing import save_pictures
from aedenoise.data.pixels import Picture
from aedenoise.files import writing

ENDING = "-uncertainty"
SUFFIXES = (".png", ".tif")


def uncertainty_picture(source: Picture, half_width: np.ndarray | None) -> Picture:
    """Returns half-widths as a picture.

    Integers have 16 bits, of which the largest is a half-width of the whole range from black to
    white. Floats have the unit of the source.

    Args:
      source: the picture that was denoised.
      half_width: half-widths in units of the [0, 1] range; None: unknown, hence the whole range.
    """
    pixels = np.ones_like(source.pixels) if half_width is None else half_width
    floats = None if source.floats is None else (0.0, source.floats[1] - source.floats[0])
    return Picture(pixels, bits=16, floats=floats, dpi=source.dpi)


def uncertainty_path(target: Path, pictures: Sequence[Picture]) -> Path:
    """Returns the file for the half-widths of all pages of ``target``.

    A PNG holds one page of 16-bit greys; colours, floats and several pages need a TIFF.
    """
    first = pictures[0]
    plain = len(pictures) == 1 and first.pixels.shape[-1] == 1 and first.floats is None
    return target.with_name(f"{target.stem}{ENDING}{SUFFIXES[not plain]}")


def write_uncertainty(target: Path, pictures: Sequence[Picture]) -> None:
    """Writes the half-widths of all pages of ``target`` next to it."""
    path = uncertainty_path(target, pictures)
    with writing(path) as file:
        save_pictures(file, pictures, path.suffix, Contents(len(pictures)))
