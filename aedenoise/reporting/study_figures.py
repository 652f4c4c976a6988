"""Figures of a comparison: intervals, scatter plots, curves, images side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aedenoise.reporting.canvas import Figure
from aedenoise.reporting.figures import write_figure

# Panels per row, and images per decoder.
_COLUMNS = 4
_IMAGES = 6
# Marker and line of decoders that share a colour, since there are ten colours.
_STYLES = (("o", "-"), ("s", "--"), ("^", ":"))


@dataclass(frozen=True)
class Interval:
    """Mean with a confidence interval and a wider, corrected interval."""

    mean: float
    low: float | None = None
    high: float | None = None
    wide_low: float | None = None
    wide_high: float | None = None


@dataclass(frozen=True)
class Line:
    """Points of one decoder, ``y`` over ``x``, optionally with intervals or joined by a line.

    Intervals are bars, or with ``band`` a shaded area around the line.
    """

    x: Sequence[float]
    y: Sequence[float | Interval]
    joined: bool = False
    band: bool = False


Panel = Mapping[str, Line]
"""Lines of one panel by decoder."""


def intervals_figure(
    path: Path,
    panels: Mapping[str, Mapping[str, Interval]],
    colors: Mapping[str, str],
    *,
    unit: str,
    title: str,
) -> None:
    """Writes a PNG with a panel per condition: mean and intervals of each decoder."""
    figure, axes = _panels(len(panels), height=0.28 * max(map(len, panels.values())) + 0.9)
    for (name, found), axis in zip(panels.items(), axes, strict=False):
        axis.axvline(0.0, color="0.6", lw=0.8)
        for place, (decoder, interval) in enumerate(found.items()):
            color = colors[decoder]
            if interval.wide_low is not None:
                axis.plot([interval.wide_low, interval.wide_high], [place, place], color, lw=1)
            if interval.low is not None:
                axis.plot([interval.low, interval.high], [place, place], color, lw=3.5)
            axis.plot([interval.mean], [place], "o", color="k", ms=3, zorder=3)
        axis.set_yticks(range(len(found)), list(found), fontsize=7)
        # Inverted, so that decoders read from top to bottom.
        axis.set_ylim(len(found) - 0.5, -0.5)
        axis.set_title(name, fontsize=7)
        axis.set_xlabel(unit, fontsize=7)
        axis.tick_params(axis="x", labelsize=7)
    write_figure(path, figure, title)


def lines_figure(
    path: Path,
    panels: Mapping[str, Panel],
    colors: Mapping[str, str],
    *,
    x_label: str,
    y_label: str,
    title: str,
    log_x: bool = False,
) -> None:
    """Writes a PNG with a panel per condition and a colour per decoder.

    Where decoders share a colour, their markers and lines differ.
    """
    figure, axes = _panels(len(panels), height=2.2)
    styles = _styles(colors)
    names = list(dict.fromkeys(name for panel in panels.values() for name in panel))
    for (panel_name, panel), axis in zip(panels.items(), axes, strict=False):
        for name, line in panel.items():
            _draw(axis, line, colors[name], *styles[name])
        if log_x:
            axis.set_xscale("log")
        axis.set_title(panel_name, fontsize=7)
        axis.set_xlabel(x_label, fontsize=7)
        axis.set_ylabel(y_label, fontsize=7)
        axis.tick_params(labelsize=7, which="both")
    # Empty lines for a common legend: no single panel need contain every decoder.
    handles = [
        axes[0].plot([], [], "".join(styles[name]), color=colors[name], ms=3, label=name)[0]
        for name in names
    ]
    figure.legend(handles=handles, fontsize=7, loc="outside lower center", ncols=6)
    write_figure(path, figure, title)


def _styles(colors: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Returns marker and line of each decoder by how many before it have its colour."""
    before: Counter[str] = Counter()
    styles = {}
    for name, color in colors.items():
        styles[name] = _STYLES[before[color] % len(_STYLES)]
        before[color] += 1
    return styles


def _draw(axis: Any, line: Line, color: str, marker: str, style: str) -> None:
    means = [y.mean if isinstance(y, Interval) else y for y in line.y]
    axis.plot(line.x, means, style if line.joined else marker, color=color, ms=3, lw=1, alpha=0.8)
    if line.band:
        ends = [
            (y.low, y.high) if isinstance(y, Interval) and y.low is not None else (mean, mean)
            for y, mean in zip(line.y, means, strict=True)
        ]
        axis.fill_between(line.x, *zip(*ends, strict=True), color=color, alpha=0.15, lw=0)
        return
    for x, y in zip(line.x, line.y, strict=True):
        if isinstance(y, Interval) and y.low is not None:
            axis.plot([x, x], [y.low, y.high], color=color, lw=1.2)


def side_by_side_figure(path: Path, pictures: Mapping[str, Mapping[str, Any]], title: str) -> None:
    """Writes a PNG that compares the decoders on the same images.

    Below the original and noisy images, each decoder has a row with the denoised images, the
    spectrum of its residual and its response to a constant code.

    Args:
      path: output file; its folder is created.
      pictures: pictures of each decoder, see ``studies.comparison.cells.Finished``.
      title: figure title.
    """
    first = next(iter(pictures.values()))
    shown = min(_IMAGES, len(first["original"]))
    above = {"original": first["original"], "noisy": first["noisy"]}
    rows: dict[str, Any] = above | {name: found["denoised"] for name, found in pictures.items()}
    figure = Figure(figsize=(0.9 * (shown + 2) + 0.6, 0.92 * len(rows) + 0.4), dpi=120)
    tight = {"wspace": 0.06, "hspace": 0.06, "top": 0.93}
    grid = figure.subplots(len(rows), shown + 2, squeeze=False, gridspec_kw=tight)
    for axis in grid.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    for axes, (name, images) in zip(grid, rows.items(), strict=True):
        axes[0].set_ylabel(name.replace(" ", "\n", 1), fontsize=7)
        for axis, image in zip(axes, images[:shown], strict=False):
            image = np.clip(image, 0.0, 1.0)
            axis.imshow(
                image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=1
            )
    # One scale for all decoders, so that their spectra can be compared.
    spectra = np.stack([found["spectrum"] for found in pictures.values()])
    for axes, found in zip(grid[len(above) :], pictures.values(), strict=True):
        axes[shown].imshow(found["spectrum"], vmin=float(spectra.min()), vmax=float(spectra.max()))
        constant = found["constant"]
        axes[shown + 1].imshow(
            constant, vmin=float(constant.min()), vmax=max(constant.max(), constant.min() + 1e-4)
        )
    for axis in grid[: len(above), shown:].flat:
        axis.set_axis_off()
    grid[len(above), shown].set_title("spectrum", fontsize=7)
    grid[len(above), shown + 1].set_title("constant", fontsize=7)
    write_figure(path, figure, title)


def _panels(count: int, *, height: float) -> tuple[Figure, list[Any]]:
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    size = (max(2.5 * columns, 6.0) + 0.6, height * rows + 0.7)
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    axes = list(grid.flat)
    for axis in axes[count:]:
        axis.set_axis_off()
    return figure, axes
