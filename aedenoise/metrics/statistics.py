"""Paired differences between decoders, with bootstrap confidence intervals.

Two decoders trained from the same seed see the same examples in the same order with the same noise,
so their difference varies less than either value. Intervals are for the mean of such differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

LEVEL = 0.95
_RESAMPLES = 20_000
# Percentile intervals from fewer values cannot cover 95 %: see ``percentile_interval``.
_ENOUGH_FOR_PERCENTILES = 6
# An arbitrary constant, so that a table comes out the same each time.
_RESAMPLING_SEED = 20_161_017


@dataclass(frozen=True)
class Difference:
    """Mean of paired differences with its confidence intervals.

    Attributes:
      seeds: number of pairs.
      mean: mean difference.
      low, high: 95 % interval of the mean, None with fewer than two pairs; a percentile interval,
        or Student's with fewer than six pairs.
      corrected_low, corrected_high: interval with a joint coverage of 95 % over all comparisons
        of a table.
    """

    seeds: int
    mean: float
    low: float | None
    high: float | None
    corrected_low: float | None
    corrected_high: float | None

    @property
    def is_clear(self) -> bool:
        """Returns True if the corrected interval excludes zero."""
        if self.corrected_low is None or self.corrected_high is None:
            return False
        return self.corrected_low > 0.0 or self.corrected_high < 0.0


def difference(values: Sequence[float], comparisons: int = 1) -> Difference:
    """Computes the mean of paired differences with its intervals.

    Args:
      values: one difference per seed.
      comparisons: number of comparisons in the table, for Bonferroni's correction: each corrected
        interval has a level of ``1 - 0.05 / comparisons``.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return Difference(len(values), mean, None, None, None, None)
    low, high = (
        percentile_interval(values)
        if len(values) >= _ENOUGH_FOR_PERCENTILES
        else student_interval(values, LEVEL)
    )
    # Percentiles would need more values than there usually are seeds for a corrected level.
    corrected = student_interval(values, 1.0 - (1.0 - LEVEL) / comparisons)
    return Difference(len(values), mean, low, high, *corrected)


def percentile_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """Computes the percentile bootstrap interval of the mean (Efron 1979), expanded.

    Plain percentiles of few values are too narrow: they ignore the bootstrap's smaller variance
    ``(n - 1) / n`` and Student's t. Percentiles at ``Phi(-sqrt(n / (n - 1)) t)`` correct both
    (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 4.3). No such
    interval extends beyond the smallest and largest value, so with n values the coverage is at
    most ``1 - 2**(1 - n)``: 95 % needs six.
    """
    count = len(values)
    quantile = stats.t.ppf((1.0 + level) / 2, count - 1)
    expanded = 1.0 - 2.0 * stats.norm.sf(np.sqrt(count / (count - 1)) * quantile)
    found = _bootstrap(values, expanded).confidence_interval
    return float(found.low), float(found.high)


def student_interval(values: Sequence[float], level: float) -> tuple[float, float]:
    """Computes Student's interval of the mean with the bootstrap's standard error.

    The standard error is multiplied by ``sqrt(n / (n - 1))``. With few values and at high levels
    the interval is wide, as it has to be.
    """
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
    """Difference between two shares of the same items.

    Attributes:
      only_first, only_second: numbers of items that count in one share only.
      difference: second share minus first.
      low, high: 95 % interval of the difference.
      p: p-value of McNemar's exact test for equal shares.
    """

    only_first: int
    only_second: int
    difference: float
    low: float
    high: float
    p: float


def paired_shares(first: np.ndarray, second: np.ndarray) -> PairedShares:
    """Compares two shares item by item, bool ``[N]`` each, ``N`` at least 1.

    The interval is the percentile bootstrap's (Efron 1979). The test is McNemar's (1947), exact:
    the binomial distribution of the differing pairs.
    """
    count = len(first)
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    differing = only_first + only_second
    shares = np.array([only_first, only_second, count - differing]) / count
    # Resampling N pairs is one multinomial draw of the three counts that matter: [draws, 3]
    # numbers instead of [draws, N].
    draws = np.random.default_rng(_RESAMPLING_SEED).multinomial(count, shares, _RESAMPLES)
    low, high = np.percentile(
        (draws[:, 1] - draws[:, 0]) / count, [50 * (1 - LEVEL), 50 * (1 + LEVEL)]
    )
    # Without differing pairs there is nothing to test.
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
    """Returns the 95 % interval of ``count / total`` (Wilson 1927), ``total`` at least 1."""
    interval = stats.binomtest(count, total).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)
