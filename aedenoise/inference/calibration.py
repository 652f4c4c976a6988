"""Calibration of prediction intervals on images that the network was not trained on.

Images ``[N, H, W, C]`` are float32 in units of the [0, 1] range.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aedenoise.inference.intervals import (
    BLACK,
    COVERAGE,
    WHITE,
    Calibration,
    from_json,
    measure_detail,
    share_of_greys,
)
from aedenoise.metrics.conformal import conformal_scale

# Most bins of each feature, and the mean number of pixels in a cell below which there are fewer.
_LEVELS, _GREYS, _DETAILS, _BRIGHTNESS, _CELL = 5, 4, 4, 24, 200
# Pixels of a cell below which it takes the quantile of its brightness alone.
_FEW = 50
# Sizes must be positive, and below any error of a float32 that a network makes.
_LEAST = 1e-12
# Bins of the report.
_REPORTED = (0.0, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class Sample:
    """Images with their noisy and denoised versions.

    Attributes:
      clean: the images.
      denoised: denoised versions.
      estimated: estimated noise levels ``[N, C]``.
      levels: true noise level of each image ``[N]``.
    """

    clean: np.ndarray
    denoised: np.ndarray
    estimated: np.ndarray
    levels: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """Returns absolute errors."""
        errors: np.ndarray = np.abs(self.denoised - self.clean)
        return errors


def calibrate(table: Sample, scale: Sample) -> Calibration:
    """Makes a calibration.

    Args:
      table: images on which the table is computed.
      scale: other images, on which the conformal factor is.

    Raises:
      ValueError: if ``scale`` has too few images.
    """
    # With the digits that a file keeps, so that the factor is that of the restored table.
    made = from_json(_tabulate(table).to_json())
    ratios = scale.errors / made.half_widths(scale.denoised, scale.estimated)
    return replace(made, scale=conformal_scale(ratios, COVERAGE))


def measure(calibration: Calibration, sample: Sample) -> dict[str, Any]:
    """Measures coverage and mean half-width: overall, by brightness, and by noise level."""
    widths = calibration.half_widths(sample.denoised, sample.estimated)
    inside = sample.errors <= widths
    levels = np.broadcast_to(sample.levels[:, None, None, None], inside.shape)
    return {
        **_part(inside, widths),
        "by_brightness": _by(sample.denoised, _REPORTED, inside, widths),
        "by_level": _by(levels, _level_edges(sample.levels), inside, widths),
    }


def _tabulate(sample: Sample) -> Calibration:
    errors, denoised = sample.errors, sample.denoised
    greys = share_of_greys(denoised)
    detail = np.stack([measure_detail(image) for image in denoised])
    # Glyphs are mostly black: greys get bins of their own.
    mixed = denoised[(denoised > BLACK) & (denoised < WHITE)]
    # Brightness tells most, so that it keeps its bins the longest.
    left = errors.size // _CELL
    bins = min(_BRIGHTNESS, left)
    brightness = np.union1d(_edges(denoised, bins), _edges(mixed, bins // 2))
    left //= len(brightness) + 1
    levels = _edges(sample.estimated, min(_LEVELS, left))
    left //= len(levels) + 1
    gradual = _edges(greys, min(_GREYS, left))
    left //= len(gradual) + 1
    # Each bin of detail has half of the rest: edges of objects are few pixels.
    halves = 1.0 - 0.5 ** np.arange(1, min(_DETAILS, left))
    details = np.unique(np.quantile(detail, halves).astype(np.float64))
    shape = tuple(len(edges) + 1 for edges in (levels, gradual, details, brightness))
    columns = np.searchsorted(brightness, denoised)
    places = (
        np.searchsorted(levels, sample.estimated)[:, None, None],
        np.searchsorted(gradual, greys)[:, None, None],
        np.searchsorted(details, detail),
        columns,
    )
    cells = np.ravel_multi_index(np.broadcast_arrays(*places), shape)
    alone = _quantiles(errors, columns, shape[-1], 1, np.full(shape[-1], errors.max()))
    everywhere = np.broadcast_to(alone, shape).ravel()
    found = _quantiles(errors, cells, everywhere.size, _FEW, everywhere)
    table = np.maximum(found, _LEAST).reshape(shape)
    return Calibration(levels, gradual, details, brightness, table, 1.0, record={})


def _edges(values: np.ndarray, bins: int) -> np.ndarray:
    """Returns the inner edges of up to ``bins`` bins of equal numbers of values."""
    if bins < 2 or not values.size:
        return np.empty(0)
    shares = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    return np.unique(np.quantile(values, shares).astype(np.float64))


def _quantiles(
    errors: np.ndarray, cells: np.ndarray, count: int, least: int, instead: np.ndarray
) -> np.ndarray:
    """Returns the quantile of errors in each cell; ``instead`` in cells of fewer than ``least``."""
    order = np.argsort(cells, axis=None, kind="stable")
    ends = np.searchsorted(cells.ravel()[order], np.arange(count + 1))
    ordered = errors.ravel()[order]
    found = instead.astype(np.float64)
    for cell, (start, end) in enumerate(itertools.pairwise(ends)):
        if end - start >= least:
            found[cell] = np.quantile(ordered[start:end], COVERAGE)
    return found


def _level_edges(levels: np.ndarray) -> Sequence[float]:
    least, most = float(levels.min()), float(levels.max())
    return (least, most) if most - least < 1e-6 else tuple(np.linspace(least, most, 7).tolist())


def _by(
    values: np.ndarray, edges: Sequence[float], inside: np.ndarray, widths: np.ndarray
) -> list[dict[str, Any]]:
    rows = []
    for low, high in itertools.pairwise(edges):
        # The last bin has its upper end.
        here = (values >= low) & ((values < high) | (high == edges[-1]))
        if here.any():
            place = {"from": low, "to": high, "share": float(np.mean(here))}
            place = {name: round(value, 4) for name, value in place.items()}
            rows.append(place | _part(inside[here], widths[here]))
    return rows


def _part(inside: np.ndarray, widths: np.ndarray) -> dict[str, float]:
    return {
        "coverage": round(float(np.mean(inside)), 4),
        "half_width": round(float(np.mean(widths, dtype=np.float64)), 5),
    }
