"""Figures of a code: its projections to two dimensions, and confusion tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from aedenoise.reporting.canvas import Figure, colormaps
from aedenoise.reporting.figures import write_figure

# More classes than this make a legend or axis labels illegible.
_NAMED = 30


def code_figure(
    path: Path,
    planes: Mapping[str, np.ndarray],
    labels: np.ndarray,
    names: Sequence[str],
    *,
    title: str,
) -> None:
    """Writes a PNG of several projections, each ``[N, 2]``, coloured by ``labels[N]``."""
    figure = Figure(figsize=(4.4 * len(planes) + 0.9, 4.4), dpi=120)
    axes = figure.subplots(1, len(planes), squeeze=False)[0]
    colours = colormaps["tab10" if len(names) <= 10 else "turbo"]
    for axis, (name, plane) in zip(axes, planes.items(), strict=True):
        for label in range(len(names)):
            own = labels == label
            colour = colours(label if len(names) <= 10 else label / len(names))
            axis.scatter(*plane[own].T, s=4, color=colour, label=names[label], linewidths=0)
        axis.set_title(name, fontsize=9)
        axis.set_xticks([])
        axis.set_yticks([])
    if len(names) <= _NAMED:
        axes[-1].legend(
            loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7, markerscale=3, frameon=False
        )
    write_figure(path, figure, title)


def confusion_figure(
    path: Path, tables: Mapping[str, np.ndarray], names: Sequence[str], *, title: str
) -> None:
    """Writes a PNG of confusion tables ``[K, K]``: true class (row), predicted class (column).

    Colours show errors only; the diagonal would dominate the scale.
    """
    figure = Figure(figsize=(3.4 * len(tables), 3.6), dpi=120)
    axes = figure.subplots(1, len(tables), squeeze=False)[0]
    errors = {name: table - np.diag(np.diag(table)) for name, table in tables.items()}
    most = max(1, *(int(table.max()) for table in errors.values()))
    for axis, (name, table) in zip(axes, tables.items(), strict=True):
        axis.imshow(errors[name], cmap="Reds", vmin=0, vmax=most)
        count = int(table.sum())
        axis.set_title(f"{name}: {100 * np.trace(table) / count:.2f} %", fontsize=9)
        if len(names) <= _NAMED:
            axis.set_xticks(range(len(names)), names, fontsize=6)
            axis.set_yticks(range(len(names)), names, fontsize=6)
        for (row, column), value in np.ndenumerate(table if len(names) <= 12 else table[:0]):
            dark = row != column and value > most / 2
            axis.text(
                column,
                row,
                str(value),
                ha="center",
                va="center",
                fontsize=5,
                color="white" if dark else "black",
            )
    axes[0].set_ylabel("true class", fontsize=8)
    axes[0].set_xlabel("predicted class", fontsize=8)
    write_figure(path, figure, title)
