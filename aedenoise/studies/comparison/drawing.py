"""Figures of a study, drawn from its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aedenoise.config.study import Condition, display_name, slug
from aedenoise.metrics.statistics import Difference, difference
from aedenoise.reporting.study_figures import (
    Interval,
    Line,
    Panel,
    intervals_figure,
    lines_figure,
    side_by_side_figure,
)
from aedenoise.studies.comparison.pairing import by_condition, compare, list_decoders, paired
from aedenoise.studies.comparison.rows import Row

Colors = dict[str, str]
Pictures = Callable[[str, Condition, int], dict[str, Any] | None]
_SHOWN = {"psnr": ("differences_psnr", "dB"), "residual_excess_2": ("differences_excess", "excess")}


def draw(
    folder: Path,
    rows: Sequence[Row],
    curves: Sequence[Row],
    spectra: Sequence[Row],
    decoders: Sequence[str],
    pictures: Pictures,
) -> None:
    """Writes the figures of a study into ``folder``.

    ``differences_psnr.png`` and ``differences_excess.png`` (to the reference, with intervals),
    ``quality_artifacts.png`` (a point per cell), ``cost.png`` (PSNR over multiply-adds),
    ``learning.png`` and ``learning_differences.png`` (over steps), ``spectra.png`` (power over
    frequency), and ``images_….png`` per condition.

    Args:
      folder: output folder.
      rows: rows of all cells, including diverged ones.
      curves: points of the learning curves.
      spectra: points of the spectra; without any there is no figure of them.
      decoders: all decoders in the order of their colours; the first is the reference.
      pictures: function ``(decoder, condition, seed)`` that returns pictures of a cell or None.
    """
    reference = decoders[0]
    colors = {display_name(decoder): f"C{place % 10}" for place, decoder in enumerate(decoders)}
    good = [row for row in rows if row["diverged_at"] is None]
    _differences(folder, rows, reference, colors)
    _clouds(folder, good, colors)
    _costs(folder, good, colors)
    _learning(folder, curves, reference, colors)
    _spectra(folder, spectra, colors)
    for condition, group in by_condition(good).items():
        # Only the base seed has pictures, and it is the first.
        seed = min(row["seed"] for row in group)
        found = {
            display_name(decoder): drawn
            for decoder in list_decoders(group)
            if (drawn := pictures(decoder, condition, seed)) is not None
        }
        if found:
            name = slug(f"{condition.dataset} {condition.noise_level:g} {condition.match}")
            path = folder / f"images_{name}_{condition.steps}.png"
            side_by_side_figure(path, found, f"{condition}, seed {seed}")


def _differences(folder: Path, rows: Sequence[Row], reference: str, colors: Colors) -> None:
    for metric, (name, unit) in _SHOWN.items():
        panels: dict[str, dict[str, Interval]] = {}
        for comparison in compare(rows, reference, [metric]):
            panel = panels.setdefault(_short(comparison.condition), {})
            panel[display_name(comparison.decoder)] = _interval(comparison.difference)
        if panels:
            intervals_figure(
                folder / f"{name}.png",
                panels,
                colors,
                unit=unit,
                title=f"difference to {display_name(reference)}: 95 % (thick), corrected (thin)",
            )


def _clouds(folder: Path, rows: Sequence[Row], colors: Colors) -> None:
    panels: dict[str, Panel] = {
        _short(condition): {
            display_name(decoder): Line(
                [row["residual_excess_2"] for row in group if row["decoder"] == decoder],
                [row["psnr"] for row in group if row["decoder"] == decoder],
            )
            for decoder in list_decoders(group)
        }
        for condition, group in by_condition(rows).items()
    }
    if panels:
        lines_figure(
            folder / "quality_artifacts.png",
            panels,
            colors,
            x_label="excess at Nyquist",
            y_label="PSNR, dB",
            title="a point for each training run",
        )


def _costs(folder: Path, rows: Sequence[Row], colors: Colors) -> None:
    panels: dict[str, dict[str, Line]] = {}
    for condition, group in by_condition(rows).items():
        panel = panels.setdefault(_short(condition).rpartition(",")[0], {})
        for decoder in list_decoders(group):
            mine = [row for row in group if row["decoder"] == decoder]
            before = panel.get(display_name(decoder), Line([], []))
            std = float(np.std([row["psnr"] for row in mine]))
            mean = float(np.mean([row["psnr"] for row in mine]))
            panel[display_name(decoder)] = Line(
                [*before.x, mine[0]["multiply_adds"] / 1e6],
                [*before.y, Interval(mean, mean - std, mean + std)],
            )
    if panels:
        lines_figure(
            folder / "cost.png",
            panels,
            colors,
            x_label="multiply-adds per image, millions",
            y_label="PSNR, dB",
            title="mean over seeds, bars of one standard deviation",
        )


def _learning(folder: Path, curves: Sequence[Row], reference: str, colors: Colors) -> None:
    levels: dict[str, Panel] = {}
    gaps: dict[str, Panel] = {}
    for condition, group in by_condition(curves).items():
        steps = sorted({point["at_step"] for point in group})
        at = {step: [point for point in group if point["at_step"] == step] for step in steps}
        levels[_short(condition)] = {
            display_name(decoder): _mean_line(at, decoder) for decoder in list_decoders(group)
        }
        gaps[_short(condition)] = {
            display_name(decoder): _gap_line(at, decoder, reference)
            for decoder in list_decoders(group)
            if decoder != reference
        }
    for name, panels, label in (
        ("learning", levels, "PSNR of 512 test images, dB"),
        ("learning_differences", gaps, f"PSNR - {display_name(reference)}, dB"),
    ):
        if any(panels.values()):
            lines_figure(
                folder / f"{name}.png",
                panels,
                colors,
                x_label="step",
                y_label=label,
                title="within the runs, mean over seeds",
                log_x=True,
            )


def _spectra(folder: Path, spectra: Sequence[Row], colors: Colors) -> None:
    panels: dict[str, Panel] = {
        _short(condition): {
            display_name(decoder): _spectrum_line(group, decoder)
            for decoder in list_decoders(group)
        }
        for condition, group in by_condition(spectra).items()
    }
    if panels:
        lines_figure(
            folder / "spectra.png",
            panels,
            colors,
            x_label="cycles per pixel",
            y_label="power, output by clean, dB",
            title="mean over seeds, bands of one standard deviation; 0 dB is the clean images",
        )


def _spectrum_line(points: Sequence[Row], decoder: str) -> Line:
    ratios: dict[float, list[float]] = {}
    for point in points:
        if point["decoder"] == decoder:
            ratios.setdefault(point["frequency"], []).append(point["ratio_db"])
    means = {frequency: float(np.mean(values)) for frequency, values in ratios.items()}
    stds = {frequency: float(np.std(values)) for frequency, values in ratios.items()}
    intervals = [Interval(m, m - stds[f], m + stds[f]) for f, m in means.items()]
    return Line(list(means), intervals, joined=True, band=True)


def _mean_line(at: dict[int, list[Row]], decoder: str) -> Line:
    means = {
        step: float(np.mean(values))
        for step, points in at.items()
        if (values := [point["psnr"] for point in points if point["decoder"] == decoder])
    }
    return Line(list(means), list(means.values()), joined=True)


def _gap_line(at: dict[int, list[Row]], decoder: str, reference: str) -> Line:
    gaps = {
        step: _interval(difference(list(values.values())))
        for step, points in at.items()
        if (values := paired(points, decoder, reference, "psnr"))
    }
    return Line(list(gaps), list(gaps.values()), joined=True)


def _interval(d: Difference) -> Interval:
    return Interval(d.mean, d.low, d.high, d.corrected_low, d.corrected_high)


def _short(condition: Condition) -> str:
    """Returns a condition as two lines, short enough for a panel title."""
    where, *rest = str(condition).rsplit(", ", 2)
    return f"{where},\n{', '.join(rest)}"
