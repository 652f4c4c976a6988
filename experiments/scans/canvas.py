"""Canvas: a page that is drawn at twice its size, so that type lies between the pixels too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from experiments.scans.fonts import open_font

SCALE = 2


@dataclass(frozen=True)
class Type:
    """A face in one size and ink.

    Attributes:
      path: file of the face.
      x_height: height of the letter x in pixels of the page.
      ink: grey of the strokes, 0 for black.
    """

    path: Path
    x_height: float
    ink: float = 0.0

    def width(self, text: str) -> float:
        """Returns the width of a text in pixels of the page."""
        return open_font(self.path, SCALE * self.x_height).getlength(text) / SCALE


@dataclass
class Canvas:
    """White page; lengths are in pixels of the page, ``y`` of a text is that of its baseline."""

    height: int
    width: int
    _image: Image.Image = field(init=False)
    _pen: ImageDraw.ImageDraw = field(init=False)

    def __post_init__(self) -> None:
        self._image = Image.new("L", (SCALE * self.width, SCALE * self.height), 255)
        self._pen = ImageDraw.Draw(self._image)

    def text(self, x: float, y: float, text: str, face: Type) -> None:
        """Draws a text from ``x`` on the baseline ``y``."""
        font = open_font(face.path, SCALE * face.x_height)
        self._pen.text((SCALE * x, SCALE * y), text, fill=_grey(face.ink), font=font, anchor="ls")

    def line(self, points: Sequence[tuple[float, float]], ink: float, width: float) -> None:
        """Draws straight lines through points ``(x, y)``."""
        scaled = [(SCALE * x, SCALE * y) for x, y in points]
        self._pen.line(scaled, fill=_grey(ink), width=max(1, round(SCALE * width)))

    def box(self, left: float, top: float, right: float, bottom: float, ink: float) -> None:
        """Fills a rectangle."""
        corners = [SCALE * value for value in (left, top, right, bottom)]
        self._pen.rectangle(corners, fill=_grey(ink))

    def pixels(self) -> np.ndarray:
        """Returns the page, float32 ``[height, width]`` in [0, 1]."""
        return np.asarray(self._image.reduce(SCALE), np.float32) / np.float32(255.0)


def _grey(ink: float) -> int:
    return round(255.0 * ink)
