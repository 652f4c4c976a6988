"""Paired differences between decoders, with bootstrap intervals.

Two decoders that started from the same seed saw the same examples in the same order under the same
noise, so their difference varies less than either; intervals are of the mean of such differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

LEVEL = 0.95
_RESAMPLES = 20_000
# Percentiles of fewer values cannot hold with 95 %: see ``percentile_interval``.
_ENOUGH_FOR_PERCENTILES = 6
# Any fixed number would do: a table must come out the same each time it is made.
_RESAMPLING_SEED = 20_161_017


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences.

    Attributes:
      seeds: how many pairs.
      mean: of the differences.
      low, high: 95 % interval of the mean, None with fewer than two pairs; by percentiles, or,
        with fewer than six, Student's.
      corrected_low, corrected_high: the same, such that all comparisons of a table hold together
        with 95 %.
    """

    seeds: int
    mean: float
    low: float | None
    high: float | None
    corrected_low: float | None
    corrected_high: float | None

    @property
    def is_clear(self) -> bool:
        """Whether the corrected interval leaves out zero."""
        if self.corrected_low is None or self.corrected_high is None:
            return False
        return self.corrected_low > 0.0 or self.corrected_high < 0.0


def difference(values: Sequence[float], comparisons: int = 1) -> Difference:
    """The mean of paired differences with its intervals.

    Args:
      values: a difference for each seed.
      comparisons: of how many comparisons this is one, by Bonferroni: each corrected interval
        holds with ``1 - 0.05 / comparisons``.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return Difference(len(values), mean, None, None, None, None)
    low, high = (
        percentile_interval(values)
        if len(values) >= _ENOUGH_FOR_PERCENTILES
        else student_interval(values, LEVEL)
    )
    corrected = student_interval(values, 1.0 - (1.0 - LEVEL) / comparisons)
    return Difference(len(values), mean, low, high, *corrected)


def percentile_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """The percentile bootstrap interval of the mean (Efron 1979), with expanded percentiles.

    The percentiles of few values lie too near: they know neither of the bootstrap's smaller
    variance ``(n - 1) / n`` nor of Student's t. Percentiles at ``Phi(-sqrt(n / (n - 1)) t)``
    mend both (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 4.3). But
    no such interval reaches beyond the least and the greatest value, so of n values none can hold
    with more than ``1 - 2**(1 - n)``: 95 % needs six.
    """
    count = len(values)
    quantile = stats.t.ppf((1.0 + level) / 2, count - 1)
    expanded = 1.0 - 2.0 * stats.norm.sf(np.sqrt(count / (count - 1)) * quantile)
    found = _bootstrap(values, expanded).confidence_interval
    return float(found.low), float(found.high)


def student_interval(values: Sequence[float], level: float) -> tuple[float, float]:
    """Student's interval of the mean with the bootstrap's standard error, which is made larger by
    ``sqrt(n / (n - 1))``. Of few values and at high levels it is wide, as it must be."""
    count = len(values)
    error = _bootstrap(values, LEVEL).standard_error * np.sqrt(count / (count - 1))
    reach = float(stats.t.ppf((1.0 + level) / 2, count - 1) * error)
    mean = float(np.mean(values))
    return mean - reach, mean + reach


def _bootstrap(values: Sequence[float], level: float) -> Any:
    return stats.bootstrap(
        (np.asarray(values, np.float64),),
        np.mean,
        n_resamples=_RESAMPLES,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(_RESAMPLING_SEED),
    )


@dataclass(frozen=True)
class PairedShares:
    """How two shares of the same things differ.

    Attributes:
      only_first, only_second: things that count in the one share alone.
      difference: the second share minus the first.
      low, high: its 95 % interval.
      p: of McNemar's exact test that neither occurs more often.
    """

    only_first: int
    only_second: int
    difference: float
    low: float
    high: float
    p: float


def paired_shares(first: np.ndarray, second: np.ndarray) -> PairedShares:
    """Compares bool ``[N]`` with bool ``[N]``, thing by thing, ``N`` at least 1.

    The interval is the percentile bootstrap's (Efron 1979): a resample of the pairs is one draw of
    how many fall in the one alone, in the other alone, and elsewhere. The test is McNemar's
    (1947), exact: by the binomial distribution of the pairs that differ.
    """
    count = len(first)
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    differing = only_first + only_second
    shares = np.array([only_first, only_second, count - differing]) / count
    draws = np.random.default_rng(_RESAMPLING_SEED).multinomial(count, shares, _RESAMPLES)
    low, high = np.percentile(
        (draws[:, 1] - draws[:, 0]) / count, [50 * (1 - LEVEL), 50 * (1 + LEVEL)]
    )
    p = float(stats.binomtest(only_first, differing).pvalue) if differing else 1.0
    return PairedShares(
        only_first,
        only_second,
        (only_second - only_first) / count,
        float(low),
        float(high),
        p,
    )


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """Returns the 95 % interval of the share ``count / total`` (Wilson 1927); ``total`` is at least
    1."""
    interval = stats.binomtest(count, total).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)
