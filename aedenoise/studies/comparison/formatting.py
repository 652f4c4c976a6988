"""Text of numbers in the tables of a study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aedenoise.metrics.statistics import Difference


def mean_text(values: Sequence[float], digits: int) -> str:
    """Formats mean and standard deviation of ``values``."""
    if not values:
        return "none"
    std = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{std}"


def interval_texts(d: Difference, digits: int) -> list[str]:
    """Formats a difference with its interval, and its corrected interval."""

    def span(low: float | None, high: float | None) -> str:
        return "" if low is None or high is None else f"[{low:+.{digits}f}, {high:+.{digits}f}]"

    return [
        f"{d.mean:+.{digits}f} {span(d.low, d.high)}".strip(),
        span(d.corrected_low, d.corrected_high),
    ]


def difference_text(d: Difference, digits: int) -> str:
    """Formats a difference with its interval, bold if it is clear."""
    text = interval_texts(d, digits)[0]
    return f"**{text}**" if d.is_clear else text
