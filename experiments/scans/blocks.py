"""Blocks of a column: paragraphs, headings, lists, tables, figures. Each returns where it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from experiments.scans.canvas import Canvas, Type

# Distance of the baseline from the top of a line, in units of the x-height.
_ASCENT = 1.6
_INDENT = 2.5


@dataclass(frozen=True)
class Setting:
    """How a page is set.

    Attributes:
      canvas: page to draw on.
      body, heading, emphasis: faces of running text, headings and single words.
      leading: distance of two baselines in pixels.
      justified: whether lines of paragraphs have equal widths.
      words: returns the next running words, at most as many as asked for.
    """

    canvas: Canvas
    body: Type
    heading: Type
    emphasis: Type
    leading: float
    justified: bool
    words: Callable[[int], list[str]]


@dataclass(frozen=True)
class Column:
    """Area of a page in pixels."""

    left: float
    width: float
    bottom: float


def break_lines(words: list[str], face: Type, widths: tuple[float, float]) -> list[list[str]]:
    """Breaks words into lines; a word that is wider than a line is left out.

    Args:
      words: words in their order.
      face: face that they are set in.
      widths: widths of the first and of the other lines in pixels.
    """
    space = face.width(" ")
    lines: list[list[str]] = []
    used, room = np.inf, widths[0]
    for word in words:
        width = face.width(word)
        if width > min(widths):
            continue
        if used + space + width > room:
            room = widths[min(len(lines), 1)]
            lines.append([])
            used = -space
        lines[-1].append(word)
        used += space + width
    return lines


def paragraph(
    rng: np.random.Generator,
    setting: Setting,
    column: Column,
    y: float,
    *,
    length: int,
    mark: str = "",
    face: Type | None = None,
) -> tuple[float, list[str]]:
    """Sets running words, down to the end of the column at most.

    Args:
      rng: chooses words with emphasis.
      setting: faces and words.
      column: area to fill.
      y: top of the paragraph.
      length: number of words.
      mark: mark of a list, which indents the lines.
      face: another face than that of the running text.

    Returns:
      The end of the paragraph, and its lines as text.
    """
    face = face or setting.body
    leading = setting.leading * face.x_height / setting.body.x_height
    indent = _INDENT * face.x_height
    left, width = column.left + bool(mark) * indent, column.width - bool(mark) * indent
    first = 0.0 if mark or rng.random() < 0.4 else indent
    fitting = max(0, int((column.bottom - y) / leading))
    lines = break_lines(setting.words(length), face, (width - first, width))[:fitting]
    if mark and lines:
        setting.canvas.text(column.left, y + _ASCENT * face.x_height, mark, face)
    for number, line in enumerate(lines):
        x = left + (first if number == 0 else 0.0)
        gap = face.width(" ")
        if setting.justified and number < len(lines) - 1 and len(line) > 1:
            spare = left + width - x - sum(face.width(word) for word in line)
            gap = min(spare / (len(line) - 1), 3.0 * gap)
        for word in line:
            chosen = setting.emphasis if face == setting.body and rng.random() < 0.03 else face
            setting.canvas.text(x, y + _ASCENT * face.x_height, word, chosen)
            x += chosen.width(word) + gap
        y += leading
    return y, [" ".join(line) for line in lines]


def heading(
    rng: np.random.Generator, setting: Setting, column: Column, y: float
) -> tuple[float, list[str]]:
    """Sets a line of large type, sometimes over a rule."""
    face = setting.heading
    y += 0.5 * setting.leading
    y, lines = paragraph(rng, setting, column, y, length=int(rng.integers(2, 8)), face=face)
    if rng.random() < 0.25:
        rule(rng, setting, column, y)
    return y + 0.4 * setting.leading, lines


def banner(rng: np.random.Generator, setting: Setting, column: Column, y: float) -> float:
    """Sets a light heading on a dark band."""
    face = replace(setting.heading, ink=1.0)
    height = 3.0 * face.x_height
    line = break_lines(setting.words(6), face, (column.width - 8.0,) * 2)[:1]
    if not line or y + height > column.bottom:
        return column.bottom
    ink = float(rng.choice((0.0, 0.2, 0.4)))
    setting.canvas.box(column.left, y, column.left + column.width, y + height, ink)
    setting.canvas.text(column.left + 4.0, y + 2.0 * face.x_height, " ".join(line[0]), face)
    return y + height + 0.5 * setting.leading


def rule(rng: np.random.Generator, setting: Setting, column: Column, y: float) -> float:
    """Draws a horizontal rule."""
    ends = [(column.left, y), (column.left + column.width, y)]
    setting.canvas.line(ends, setting.body.ink, float(rng.choice((0.5, 1.0, 2.0))))
    return y + 0.5 * setting.leading


def table(rng: np.random.Generator, setting: Setting, column: Column, y: float) -> float:
    """Sets a table of short words and numbers, with horizontal rules or a full grid."""
    face, height = setting.body, setting.leading * 1.2
    columns = max(1, min(6, int(column.width / (9.0 * face.x_height))))
    rows = min(int(rng.integers(2, 9)), int((column.bottom - y) / height))
    if rows < 2:
        return column.bottom
    grid, weight = rng.random() < 0.5, float(rng.choice((0.5, 1.0, 1.5)))
    step, right, end = column.width / columns, column.left + column.width, y + rows * height
    for row in range(rows):
        names = iter(setting.words(columns) if row == 0 else ())
        for place in range(columns):
            entry = next(names, "") if row == 0 or place == 0 else f"{rng.normal(0.0, 90.0):.2f}"
            if face.width(entry) < step - 4.0:
                x = column.left + place * step + 3.0
                setting.canvas.text(x, y + row * height + 0.72 * height, entry, face)
    for row in range(rows + 1):
        if grid or row in (0, 1, rows):
            level = y + row * height
            setting.canvas.line([(column.left, level), (right, level)], face.ink, weight)
    for place in range(columns + 1 if grid else 0):
        x = column.left + place * step
        setting.canvas.line([(x, y), (x, end)], face.ink, weight)
    return end + 0.6 * setting.leading


def figure(rng: np.random.Generator, setting: Setting, column: Column, y: float) -> float:
    """Draws a chart: axes with a curve or with grey bars."""
    height = min(column.width * 0.5, column.bottom - y)
    if height < 40.0:
        return column.bottom
    left, right, floor = column.left + 4.0, column.left + column.width - 4.0, y + height - 4.0
    setting.canvas.line([(left, y), (left, floor), (right, floor)], 0.0, 1.0)
    values = floor - (height - 8.0) * rng.random(int(rng.integers(4, 13)))
    places = np.linspace(left, right, len(values) + 1)
    if rng.random() < 0.5:
        points = list(zip(places.tolist(), values.tolist(), strict=False))
        setting.canvas.line(points, setting.body.ink, float(rng.uniform(0.5, 2.0)))
    else:
        ink, wide = float(rng.uniform(0.2, 0.8)), 0.7 * float(places[1] - places[0])
        for x, top in zip((places[:-1] + 3.0).tolist(), values.tolist(), strict=True):
            setting.canvas.box(x, top, x + wide, floor, ink)
    return y + height + 0.6 * setting.leading
