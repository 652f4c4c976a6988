"""Prediction intervals of denoised pixels: their half-widths as a function of what is visible.

The half-width of a pixel is the 90 % quantile of errors at pixels like it, from a table by four
features, times a factor that is conformal. The features are

- the noise level of the picture, estimated from how far the network moved it;
- greys, the share of its denoised pixels that are neither black nor white;
- detail, the largest difference to the four neighbours in the denoised picture;
- the brightness of the denoised pixel.

Measured on digits and letters, brightness gives the narrow intervals, level and greys even coverage
over levels and kinds of glyphs. Detail adds nothing there; it is for photographs, where brightness
shows no edges. The spread over shifted inputs is no better, at several times the cost.

Images are in units of the [0, 1] range.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from aedenoise.inference.noise_estimation import estimate_level

FORMAT = 1
COVERAGE = 0.9
# Pixels of a picture above which every few rows stand for all, and rows that are looked up at once,
# for memory.
_SAMPLED, _ROWS = 2**22, 256
# Brightness above black and below white.
BLACK, WHITE = 0.01, 0.99


class Interval(NamedTuple):
    """Denoised images with an interval for each pixel.

    Attributes:
      denoised: float32 in [0, 1].
      half_width: float32 in [0, 1], of the same shape.
    """

    denoised: np.ndarray
    half_width: np.ndarray

    @property
    def low(self) -> np.ndarray:
        """Returns the lower ends, at least 0."""
        low: np.ndarray = np.maximum(self.denoised - self.half_width, np.float32(0.0))
        return low

    @property
    def high(self) -> np.ndarray:
        """Returns the upper ends, at most 1."""
        high: np.ndarray = np.minimum(self.denoised + self.half_width, np.float32(1.0))
        return high


_FEATURES = ("levels", "greys", "details", "brightness")


@dataclass(frozen=True)
class Calibration:
    """Table of half-widths with its conformal factor.

    Attributes:
      levels, greys, details, brightness: inner edges of the bins of each feature, ascending.
      table: quantiles of errors, with an axis for each feature.
      scale: conformal factor.
      record: the JSON object that holds all of it, with the data and the coverage measured.
    """

    levels: np.ndarray
    greys: np.ndarray
    details: np.ndarray
    brightness: np.ndarray
    table: np.ndarray
    scale: float
    record: Mapping[str, Any]

    def half_width(self, denoised: np.ndarray, level: float) -> np.ndarray:
        """Returns half-widths for a denoised channel.

        Args:
          denoised: float ``[H, W]`` in [0, 1].
          level: its noise level, see ``estimate_levels``.

        Returns:
          float32 ``[H, W]`` in [0, 1].
        """
        greys = float(share_of_greys(denoised[..., None])[0])
        of_picture = np.searchsorted(self.levels, level), np.searchsorted(self.greys, greys)
        table = np.minimum(self.scale * self.table[of_picture], 1.0).astype(np.float32)
        detail = measure_detail(denoised)
        found = np.empty(denoised.shape, np.float32)
        for start in range(0, len(found), _ROWS):
            here = slice(start, start + _ROWS)
            rows = np.searchsorted(self.details, detail[here])
            found[here] = table[rows, np.searchsorted(self.brightness, denoised[here])]
        return found

    def half_widths(self, denoised: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Returns half-widths for images.

        Args:
          denoised: float ``[N, H, W, C]`` in [0, 1].
          levels: their noise levels ``[N, C]``.

        Returns:
          float32 in [0, 1], with the shape of ``denoised``.
        """
        found = np.empty(denoised.shape, np.float32)
        for image in range(denoised.shape[0]):
            for channel in range(denoised.shape[-1]):
                place = (image, ..., channel)
                found[place] = self.half_width(denoised[place], levels[image, channel])
        return found

    def to_json(self) -> dict[str, Any]:
        """Returns the JSON object that ``from_json`` reads."""
        return {
            "format": FORMAT,
            **self.record,
            "scale": self.scale,
            **{name: _text(getattr(self, name)) for name in _FEATURES},
            "table": [_text(row, 5) for row in self.table.reshape(-1, self.table.shape[-1])],
        }


def from_json(values: Mapping[str, Any]) -> Calibration:
    """Reads a calibration.

    Raises:
      LookupError, TypeError, ValueError: if it is of another format, or damaged.
    """
    if values["format"] != FORMAT:
        raise ValueError(f"format {values['format']}")
    edges = [_numbers(values[name]) for name in _FEATURES]
    rows = np.asarray([_numbers(row) for row in values["table"]])
    table = rows.reshape([len(each) + 1 for each in edges])
    own = ("format", "scale", *_FEATURES, "table")
    record = {name: value for name, value in values.items() if name not in own}
    levels, greys, details, brightness = edges
    scale = float(values["scale"])
    return Calibration(levels, greys, details, brightness, table, scale, record)


def restore(values: Any, params: str) -> Calibration | None:
    """Reads a calibration; returns None if it is missing, damaged, or of parameters with another
    digest than ``params``: a network without a calibration denoises all the same."""
    with suppress(LookupError, TypeError, ValueError):
        if values["params"] == params:
            return from_json(values)
    return None


def estimate_levels(noisy: np.ndarray, denoised: np.ndarray, *, jointly: bool) -> np.ndarray:
    """Estimates noise levels ``[N, C]`` of images ``[N, H, W, C]``, see ``estimate_level``.

    Args:
      noisy: images in units of the [0, 1] range.
      denoised: the same images denoised.
      jointly: gives all channels of an image one level.
    """
    step = -(-noisy.shape[1] * noisy.shape[2] // _SAMPLED)
    noisy, denoised = noisy[:, ::step], denoised[:, ::step]
    pairs = zip(noisy, denoised, strict=True)
    if jointly:
        levels = [[estimate_level(*pair)] * noisy.shape[-1] for pair in pairs]
    else:
        channels = range(noisy.shape[-1])
        levels = [[estimate_level(a[..., c], b[..., c]) for c in channels] for a, b in pairs]
    return np.asarray(levels, np.float64)


def share_of_greys(denoised: np.ndarray) -> np.ndarray:
    """Returns the share of pixels between black and white by channel: ``[..., H, W, C]`` to
    ``[..., C]``."""
    share: np.ndarray = np.mean((denoised > BLACK) & (denoised < WHITE), axis=(-3, -2))
    return share


def measure_detail(image: np.ndarray) -> np.ndarray:
    """Returns the largest absolute difference of each pixel ``[H, W, ...]`` to its neighbours."""
    found = np.zeros_like(image)
    for axis in (0, 1):
        change = np.abs(np.diff(image, axis=axis))
        before = tuple(slice(None, -1) if each == axis else slice(None) for each in (0, 1))
        after = tuple(slice(1, None) if each == axis else slice(None) for each in (0, 1))
        np.maximum(found[before], change, out=found[before])
        np.maximum(found[after], change, out=found[after])
    return found


# A row of numbers is one text, so that a file has one line for it. The digits of edges are those of
# a float32: edges near 1 differ in the last of them.
def _text(values: np.ndarray, digits: int = 8) -> str:
    return " ".join(f"{value:.{digits}g}" for value in values)


def _numbers(text: str) -> np.ndarray:
    return np.asarray([float(number) for number in text.split()])
