"""Rendering of letters in the style of notMNIST, by Pillow; fonts are untrusted (see ``workers``).

Measured on the original images: the tight bounding box of a glyph's ink is stretched, each axis
independently, to fill the square; white on black, anti-aliased, most likely by Lanczos. Glyphs of
about 80 pixels reproduce the softness of its edges (NOTMNIST.md).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from aedenoise.data.glyphs.fonts import UnusableFontError

LETTERS = "ABCDEFGHIJ"
SIZE = 28
RENDER_PIXELS = 80
# Minimum coverage of 255 for pixels in the bounding box: above a trace, below a solid edge.
INK = 32
# No valid glyph is larger at this size; a font that asks for more is broken or hostile.
MAX_CANVAS = 2048


def render_glyph(font: Path, letter: str, size: int = SIZE) -> np.ndarray:
    """Renders one letter of a font, filling the image.

    Args:
      font: an OTF, TTF or WOFF2 file.
      letter: one character.
      size: side of the image in pixels.

    Returns:
      uint8 ``[size, size]``, 0 for background and 255 for ink; ink reaches all four sides, up to
      the softness of the downsampled edge.

    Raises:
      UnusableFontError: if the font cannot be drawn or the glyph has no ink.
    """
    return _render(_open(font, size), letter, size)


def render_font(font: Path, letters: str = LETTERS, size: int = SIZE) -> np.ndarray:
    """Renders all ``letters`` of a font: uint8 ``[len(letters), size, size]``.

    Raises:
      UnusableFontError: if a letter cannot be rendered, or more than two equal another one.
    """
    opened = _open(font, size)
    images = np.stack([_render(opened, letter, size) for letter in letters])
    if len({image.tobytes() for image in images}) < len(letters) - 2:
        raise UnusableFontError("draws several letters alike")
    return images


def _open(font: Path, size: int) -> ImageFont.FreeTypeFont:
    pixels = max(RENDER_PIXELS, RENDER_PIXELS * size // SIZE)
    try:
        return ImageFont.truetype(str(font), pixels, layout_engine=ImageFont.Layout.BASIC)
    except (OSError, ValueError) as error:
        raise UnusableFontError(f"cannot be opened ({error})") from error


def _render(font: ImageFont.FreeTypeFont, letter: str, size: int) -> np.ndarray:
    try:
        left, top, right, bottom = (int(x) for x in font.getbbox(letter))
        width, height = right - left + 2, bottom - top + 2
        if not (2 < width <= MAX_CANVAS and 2 < height <= MAX_CANVAS):
            raise UnusableFontError(f"has no ink in {letter}, or a glyph without measure")
        canvas = Image.new("L", (width, height), 0)
        ImageDraw.Draw(canvas).text((1 - left, 1 - top), letter, fill=255, font=font)
    except (OSError, ValueError) as error:
        raise (
            error
            if isinstance(error, UnusableFontError)
            else UnusableFontError(f"cannot draw {letter} ({type(error).__name__})")
        ) from error
    ink = canvas.point(lambda value: 255 if value >= INK else 0).getbbox()
    if ink is None:
        raise UnusableFontError(f"has no ink in {letter}")
    reduced = canvas.crop(ink).resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(reduced, np.uint8)
