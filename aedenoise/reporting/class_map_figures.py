"""Figure of maps of where a denoised image may show another class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aedenoise.reporting.canvas import Figure
from aedenoise.reporting.figures import write_figure

_ROWS = ("original", "noisy", "denoised", "half-width", "map")
# Networks in a figure, and grey levels of its images: noise compresses badly.
_MOST, _LEVELS = 6, 16
# Inches of an image with its margin, of the gap between networks, and of both margins.
_SIDE, _GAP, _LEFT, _TOP = 0.86, 0.4, 1.2, 0.6


@dataclass(frozen=True)
class MapExample:
    """Images of one network, a column for each.

    Attributes:
      images: float ``[N, 4, H, W, C]`` in [0, 1]: original, noisy and denoised versions, and
        half-widths of the intervals.
      maps: float ``[N, H, W]`` in [0, 1], see ``evaluation.class_maps``.
      titles: classes read in the original and in the denoised version.
      verdicts: class that the image may show, or its rival.
    """

    images: np.ndarray
    maps: np.ndarray
    titles: Sequence[str]
    verdicts: Sequence[str]


def maps_figure(path: Path, examples: Mapping[str, MapExample]) -> None:
    """Writes a PNG with five rows for each network: original, noisy, denoised, half-width, map.

    Maps are shown by their square roots, which make the small values of safe images visible.

    Args:
      path: output file; its folder is created.
      examples: images by name of the network, of which the first six are shown. Without any the
        figure states that no network is calibrated.
    """
    drawn = dict(list(examples.items())[:_MOST])
    columns = max((len(example.images) for example in drawn.values()), default=1)
    bands = max(1, len(drawn))
    height = (_SIDE * len(_ROWS) + _GAP) * bands + _TOP
    figure = Figure(figsize=(_SIDE * columns + _LEFT, height), dpi=90)
    grid = figure.subplots(
        # A row without images parts the networks.
        (len(_ROWS) + 1) * bands,
        columns,
        squeeze=False,
        gridspec_kw={
            "wspace": 0.06,
            "hspace": 0.08,
            "top": 1.0 - _TOP / height,
            "bottom": 0.0,
            "height_ratios": [*[_SIDE] * len(_ROWS), _GAP] * bands,
        },
    )
    for axis in grid.flat:
        axis.set_axis_off()
    for band, (name, example) in enumerate(drawn.items()):
        _draw(grid[(len(_ROWS) + 1) * band :], name, example)
    title = "where another class may be: square root of the part of the margin that a pixel moves"
    write_figure(path, figure, title if drawn else "no network is calibrated")


def _draw(axes: Any, name: str, example: MapExample) -> None:
    for row, label in enumerate(_ROWS):
        text = f"{name}\n{label}" if row == 0 else label
        _write(axes[row, 0], text, -0.1, 0.5, ha="right", va="center")
    for column, images in enumerate(example.images):
        axes[0, column].set_title(example.titles[column], fontsize=8, pad=2)
        for axis, image in zip(axes[:, column], images, strict=False):
            grey = image[..., 0] if image.shape[-1] == 1 else image
            levels = np.round(np.clip(grey, 0.0, 1.0) * (_LEVELS - 1)) / (_LEVELS - 1)
            axis.imshow(levels, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
        last = axes[len(_ROWS) - 1, column]
        shown = np.sqrt(example.maps[column])
        last.imshow(shown, cmap="inferno", vmin=0.0, vmax=1.0, interpolation="nearest")
        _write(last, example.verdicts[column], 0.5, -0.06, ha="center", va="top")


def _write(axis: Any, text: str, x: float, y: float, *, ha: str, va: str) -> None:
    axis.text(x, y, text, transform=axis.transAxes, fontsize=6, ha=ha, va=va)
