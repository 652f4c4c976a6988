"""Layout of pages: one to three columns of blocks, in type of any size, weight and script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from aedenoise.data.glyphs.fonts import Font
from experiments.scans import blocks
from experiments.scans.canvas import Canvas, Type
from experiments.scans.fonts import Family, characters
from experiments.scans.texts import choose_words, covered_scripts, held_out_words

HEIGHT, WIDTH = 800, 600
SMALLEST, LARGEST = 6.0, 30.0
# Sizes at which a program for reading finds the letters of a clean page.
TEST_SMALLEST, TEST_LARGEST = 9.0, 18.0
# A narrower column, in units of the x-height, holds no words.
_NARROWEST = 24.0
_BLOCKS = ("paragraph", "heading", "list", "table", "figure", "rule", "banner")
_SHARES = (0.62, 0.12, 0.08, 0.07, 0.04, 0.04, 0.03)


@dataclass(frozen=True)
class Page:
    """A clean page.

    Attributes:
      pixels: float32 ``[H, W]`` in [0, 1], flat white paper.
      x_height: height of the letter x of the running text, in pixels.
      text: lines of text in reading order; complete for pages of the test only.
    """

    pixels: np.ndarray
    x_height: float
    text: str


def draw_page(
    rng: np.random.Generator, families: Sequence[Family], height: int = HEIGHT, width: int = WIDTH
) -> Page:
    """Draws a page of training: any blocks, scripts and sizes.

    Args:
      rng: chooses everything.
      families: families to choose from.
      height, width: size of the page in pixels.
    """
    family, other = (families[int(rng.integers(len(families)))] for _ in range(2))
    body = family.choose(rng, plain=0.6)
    known = characters(body.path)
    scripts = covered_scripts(known)
    script = scripts[int(rng.integers(len(scripts)))] if rng.random() < 0.5 else "english"
    x_height = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
    title = (family if rng.random() < 0.6 else other).choose(rng, plain=0.2)
    setting = _setting(
        rng,
        Canvas(height, width),
        (body, title if characters(title.path) >= known else body),
        x_height,
        lambda count: choose_words(rng, script, count, known),
        family.choose(rng, plain=0.0),
    )
    count, margin = int(rng.choice((1, 1, 1, 2, 2, 3))), float(rng.uniform(10.0, 60.0))
    count = max(1, min(count, int((width - 2.0 * margin) / (_NARROWEST * x_height))))
    lines: list[str] = []
    for column in _columns(count, margin, setting):
        y = margin + float(rng.choice((0.0, 0.0, rng.uniform(0.0, 0.3) * height)))
        while y + setting.leading < column.bottom:
            y, said = _block(rng, setting, column, y, str(rng.choice(_BLOCKS, p=_SHARES)))
            lines += said
            y += setting.leading * float(rng.choice((0.0, 0.3, 1.0)))
    return Page(setting.canvas.pixels(), x_height, "\n".join(lines))


def draw_test_page(
    rng: np.random.Generator, family: Family, height: int = HEIGHT, width: int = WIDTH
) -> Page:
    """Draws a page of the test: one column of English, with a heading, and its complete text."""
    body, bold = family.choose(rng, plain=0.8), family.choose(rng, plain=0.0)
    x_height = float(rng.uniform(TEST_SMALLEST, TEST_LARGEST))
    source = held_out_words()
    start = int(rng.integers(len(source)))
    # The text goes on from block to block, and begins again at its end.
    place = iter(range(start, start + 2 * len(source)))

    def take(count: int) -> list[str]:
        return [source[next(place) % len(source)] for _ in range(count)]

    setting = _setting(rng, Canvas(height, width), (body, bold), x_height, take, body)
    margin = float(rng.uniform(25.0, 60.0))
    (column,) = _columns(1, margin, setting)
    y, lines = blocks.heading(rng, setting, column, margin)
    while y + setting.leading < column.bottom:
        y, said = blocks.paragraph(rng, setting, column, y, length=int(rng.integers(30, 90)))
        lines += said
        y += 0.3 * setting.leading
    return Page(setting.canvas.pixels(), x_height, "\n".join(lines))


def _setting(
    rng: np.random.Generator,
    canvas: Canvas,
    faces: tuple[Font, Font],
    x_height: float,
    words: Callable[[int], list[str]],
    emphasis: Font,
) -> blocks.Setting:
    """Chooses inks, leading and the size of headings."""
    inks = (0.0, rng.uniform(0.0, 0.25), rng.uniform(0.2, 0.5))
    ink = float(rng.choice(inks, p=(0.6, 0.25, 0.15)))
    body, title = faces
    large = min(x_height * float(rng.uniform(1.1, 2.2)), LARGEST * 1.3)
    if not characters(emphasis.path) >= characters(body.path):
        emphasis = body
    return blocks.Setting(
        canvas=canvas,
        body=Type(body.path, x_height, ink),
        heading=Type(title.path, large, ink if rng.random() < 0.7 else 0.0),
        emphasis=Type(emphasis.path, x_height, ink),
        leading=x_height * float(rng.uniform(2.3, 3.2)),
        justified=bool(rng.random() < 0.5),
        words=words,
    )


def _columns(count: int, margin: float, setting: blocks.Setting) -> list[blocks.Column]:
    gap = 2.0 * setting.body.x_height
    width = (setting.canvas.width - 2.0 * margin - (count - 1) * gap) / count
    bottom = setting.canvas.height - margin
    return [blocks.Column(margin + i * (width + gap), width, bottom) for i in range(count)]


def _block(
    rng: np.random.Generator, setting: blocks.Setting, column: blocks.Column, y: float, kind: str
) -> tuple[float, list[str]]:
    """Draws one block; returns where it ends, and its lines of text."""
    match kind:
        case "paragraph":
            return blocks.paragraph(rng, setting, column, y, length=int(rng.integers(15, 120)))
        case "heading":
            return blocks.heading(rng, setting, column, y)
        case "list":
            lines: list[str] = []
            for number in range(1, int(rng.integers(3, 6))):
                y, said = blocks.paragraph(
                    rng, setting, column, y, length=int(rng.integers(3, 20)), mark=f"{number}."
                )
                lines += said
            return y, lines
        case "table":
            return blocks.table(rng, setting, column, y), []
        case "figure":
            return blocks.figure(rng, setting, column, y), []
        case "rule":
            return blocks.rule(rng, setting, column, y), []
        case _:
            return blocks.banner(rng, setting, column, y), []
