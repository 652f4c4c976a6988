"""Figures of label flips: a gallery, and their share at each noise level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aedenoise.reporting.canvas import Figure
from aedenoise.reporting.figures import strip, write_figure

# Grey levels per step of the quantised gallery.
_STEP = 16
# Percentages labelled on the logarithmic axis.
_TICKS = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


@dataclass(frozen=True)
class Example:
    """Row of the gallery.

    Attributes:
      name: row label.
      images: float ``[N, K, H, W, C]`` in [0, 1]: original, noisy and denoised versions, and of a
        calibrated network the half-widths of its intervals.
      titles: title of each image.
    """

    name: str
    images: np.ndarray
    titles: Sequence[str]


def gallery_figure(path: Path, examples: Sequence[Example]) -> None:
    """Writes a PNG with a row for each of ``examples``.

    Each image appears three times below its title: original, noisy and denoised; and its
    half-widths where it has them. Without examples the figure states that there are none.
    """
    columns = max((len(example.images) for example in examples), default=1)
    rows = max(1, len(examples))
    figure = Figure(figsize=(1.75 * columns + 1.2, 0.86 * rows + 0.5), dpi=90)
    grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw={"hspace": 0.45})
    for axis in grid.flat:
        axis.set_axis_off()
    for axes, example in zip(grid, examples, strict=False):
        shape = example.images.shape[2:]
        axes[0].text(
            -0.06,
            0.5,
            example.name,
            transform=axes[0].transAxes,
            fontsize=6,
            ha="right",
            va="center",
        )
        for axis, images, title in zip(axes, example.images, example.titles, strict=False):
            axis.set_title(title, fontsize=8, pad=2)
            axis.imshow(
                # Noise compresses badly: fewer grey levels and no smoothing halve the file.
                strip(images) // _STEP * _STEP,
                cmap="gray" if shape[-1] == 1 else None,
                vmin=0,
                vmax=255 // _STEP * _STEP,
                interpolation="nearest",
            )
    widths = ", half-width" * any(example.images.shape[1] > 3 for example in examples)
    title = f"original, noisy, denoised{widths}: label flips, the most confident first"
    write_figure(path, figure, title if examples else "no label flips")


def shares_figure(path: Path, found: Mapping[str, Any]) -> None:
    """Writes a PNG of the share of label flips over noise levels, one panel per dataset.

    Each network has a line, in per cent with 95 % intervals.

    Args:
      path: output file; its folder is created.
      found: content of ``invented.json``.
    """
    datasets = list(dict.fromkeys(result["dataset"] for result in found["results"]))
    figure = Figure(figsize=(4.2 * len(datasets) + 0.6, 3.4), dpi=110)
    for axis, dataset in zip(
        figure.subplots(1, len(datasets), squeeze=False)[0], datasets, strict=True
    ):
        own = [result for result in found["results"] if result["dataset"] == dataset]
        noises = list(dict.fromkeys(r["noise"] for r in sorted(own, key=lambda r: r["level"])))
        for name in dict.fromkeys(result["name"] for result in own):
            points = sorted(
                (r for r in own if r["name"] == name), key=lambda r: noises.index(r["noise"])
            )
            share = np.array([point["share"] for point in points])
            low, high = np.array([point["interval"] for point in points]).T
            axis.errorbar(
                [noises.index(point["noise"]) for point in points],
                100 * share,
                # Rounding can put a limit on the wrong side of the share; lengths must not be < 0.
                100 * np.stack([np.maximum(share - low, 0.0), np.maximum(high - share, 0.0)]),
                marker="o",
                ms=3,
                capsize=2,
                label=name,
                # Without training steps: the noisy input, drawn as a baseline.
                **({"color": "0.6", "ls": "--"} if points[0]["steps"] is None else {}),
            )
        axis.set_xticks(range(len(noises)), noises, fontsize=7)
        # Linear near zero, because a share of exactly 0 is common and has no logarithm.
        axis.set_yscale("symlog", linthresh=1.0)
        axis.set_ylim(bottom=0.0)
        most = 100 * max(result["interval"][1] for result in own)
        ticks = [tick for tick in _TICKS if tick <= most]
        axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=7)
        axis.grid(axis="y", lw=0.3)
        axis.set_ylabel("label flips, %", fontsize=8)
        axis.set_title(dataset, fontsize=8)
        axis.legend(fontsize=7)
    write_figure(path, figure, "")
