"""Level of independent noise from flat patches, as a line of variance over brightness.

Variances are in squares of the units of the [0, 1] range. Gaussian noise has one variance, photon
noise one that grows with the brightness, noise of a camera the sum of both (Foi et al. 2008).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from aedenoise.metrics.clipping import narrowing

# Share of the variances of flat patches that the fit sees: the smallest, which no structure raised.
_KEPT = 0.4
_ROUNDS = 80
_FIRST = 8
# Patches below which nothing is estimated, and bins of brightness with as many at least.
FEWEST = 40
_BINS = 24
# Share of flat patches below which a bin of brightness says nothing.
_FLAT_SHARE = 0.35
# Least growth of the variance from black to white, relative to black. Fine strokes grow by less.
_DOUBLED = 3.0
# Clipped pixels above which too little of a patch's noise is left.
_MOST_CLIPPED = 0.75
# Normal noise on black loses its lower half. The kurtosis of what is left, 5.4, makes its variance
# as uncertain as that of fewer normal values; this applies from so many clipped pixels on.
_LEFT, _HALF = 2.0 / 4.4, 0.25


@dataclass(frozen=True)
class Patches:
    """Patches of a set of images.

    Attributes:
      mean: mean of each patch, ``[N]``.
      variance: variance of each about its plane of best fit, ``[N]``.
      freedom: degrees of freedom of each variance.
    """

    mean: np.ndarray
    variance: np.ndarray
    freedom: int

    def __getitem__(self, chosen: np.ndarray) -> Patches:
        return Patches(self.mean[chosen], self.variance[chosen], self.freedom)


@dataclass(frozen=True)
class NoiseLine:
    """Noise variance ``read**2 + gain * brightness``.

    Attributes:
      read: standard deviation at black.
      gain: growth of the variance from black to white.
      error: standard error of the mean variance, relative to it.
    """

    read: float
    gain: float = 0.0
    error: float = 0.0


def count_freedom(side: int) -> int:
    """Returns the degrees of freedom of a patch's variance about a plane, which takes three."""
    return side * side - 3


def cut_patches(images: Iterable[np.ndarray], side: int, *, clipped: bool = False) -> Patches:
    """Cuts images ``[H, W, C]`` of any sizes into patches of ``side`` x ``side``, by channel.

    With ``clipped`` noise, variances are those before clipping, as far as the share of the pixels
    at 0 or 1 tells, and patches where most pixels are there are left out.
    """
    parts = [_statistics(image, side) for image in images if min(image.shape[:2]) >= side]
    mean, variance, ends = (
        np.concatenate([part[i] for part in parts]) if parts else np.zeros(0) for i in range(3)
    )
    freedom = count_freedom(side)
    if clipped:
        rows = ends < _MOST_CLIPPED
        mean, variance = mean[rows], variance[rows] / np.interp(ends[rows], *narrowing())
        if np.mean(ends[rows]) > _HALF:
            freedom = round(_LEFT * freedom)
    return Patches(mean, variance, freedom)


def _statistics(image: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    height, width = (length // side for length in image.shape[:2])
    whole = image[: height * side, : width * side].astype(np.float64)
    patches = whole.reshape(height, side, width, side, -1).transpose(0, 2, 4, 1, 3)
    rows = patches.reshape(-1, side * side)
    mean = rows.mean(axis=1)
    rest = rows - mean[:, None]
    down, across = np.mgrid[:side, :side].reshape(2, -1) - 0.5 * (side - 1)
    # Plane by projection on its two slopes, which are orthogonal.
    slopes = np.square(rest @ np.stack([down, across], axis=1)) / np.sum(np.square(down))
    squares = np.sum(np.square(rest), axis=1) - slopes.sum(axis=1)
    ends = np.mean((rows == 0.0) | (rows == 1.0), axis=1)
    return mean, np.maximum(squares, 0.0) / count_freedom(side), ends


def flat_variance(patches: Patches) -> tuple[float, int]:
    """Estimates the noise variance where an unknown part of the patches is flat.

    Variances of flat patches follow a chi-squared distribution, and structure only raises them. The
    estimate is the scale at which the mean of the values below a quantile of that distribution is
    what the distribution says: its maximum of likelihood when truncated there.

    Returns:
      Variance, and the number of patches that decided it; (0, 0) for too few.
    """
    values = np.sort(patches.variance)
    if len(values) < FEWEST:
        return 0.0, 0
    limit, mean = _truncated(patches.freedom)
    sums = np.cumsum(values)
    # From below, for the fixed point of the flattest patches; but not from so few that chance makes
    # fixed points of its own.
    scale = float(values[max(len(values) // _FIRST, 10)]) / limit
    count = 0
    for _ in range(_ROUNDS):
        count = int(np.searchsorted(values, limit * scale))
        if count < 10 or scale <= 0.0:
            return scale, count
        following = float(sums[count - 1]) / count / mean
        if abs(following - scale) <= 1e-6 * scale:
            break
        scale = following
    return scale, count


@functools.cache
def _truncated(freedom: int) -> tuple[float, float]:
    """Returns a quantile of chi-squared over ``freedom``, and the mean of the values below it."""
    limit = float(stats.chi2.ppf(_KEPT, freedom))
    # The density times its argument is that of two more degrees of freedom.
    return limit / freedom, float(stats.chi2.cdf(limit, freedom + 2)) / _KEPT


def relative_error(freedom: int, count: int) -> float:
    """Returns the standard error of a variance of ``flat_variance``, relative to it."""
    # Truncation leaves about half of the information.
    return 2.0 * float(np.sqrt(2.0 / (freedom * max(count, 1))))


def fit_line(patches: Patches) -> NoiseLine:
    """Regresses the variance of flat patches on their brightness.

    The slope is 0 unless it is clear: five standard errors, two fifths of the variance over the
    brightnesses that occur, and three times the variance at black.
    """
    middles, variances, errors = [], [], []
    order = np.argsort(patches.mean, kind="stable")
    for rows in np.array_split(order, max(1, min(_BINS, len(order) // FEWEST))):
        variance, count = flat_variance(patches[rows])
        # Without flat patches, the smallest variances of a bin are those of structure.
        if count >= FEWEST // 4 and count > _FLAT_SHARE * _KEPT * len(rows) and variance > 0.0:
            middles.append(float(patches.mean[rows].mean()))
            variances.append(variance)
            errors.append(relative_error(patches.freedom, count))
    whole, count = flat_variance(patches)
    plain = NoiseLine(float(np.sqrt(whole)), 0.0, relative_error(patches.freedom, count))
    if len(middles) < 3 or np.ptp(middles) < 0.2:
        return plain
    x, y = np.array(middles), np.array(variances)
    gain, offset, deviation = _robust_line(x, y, np.array(errors) * y)
    middle = gain * x.mean() + offset
    faint = gain < 5.0 * deviation or gain * np.ptp(x) < 0.4 * middle or gain < _DOUBLED * offset
    if faint or gain <= 0.0:
        return plain
    return NoiseLine(float(np.sqrt(max(offset, 0.0))), gain, float(deviation * np.ptp(x) / middle))


def _robust_line(x: np.ndarray, y: np.ndarray, sigma: np.ndarray) -> tuple[float, float, float]:
    """Fits a line by reweighted least squares; returns slope, offset and error of the slope.

    Bins of brightness without flat patches lie above the line, and lose their weight.
    """
    # Structure left in a bin is a systematic error, so that no bin counts as exact.
    sigma = np.hypot(sigma, 0.03 * y)
    weight = 1.0 / np.square(sigma)
    slope = offset = 0.0
    for _ in range(_ROUNDS):
        mean = np.average(x, weights=weight)
        spread = np.sum(weight * np.square(x - mean))
        slope = float(np.sum(weight * (x - mean) * y) / spread)
        offset = float(np.average(y, weights=weight) - slope * mean)
        rest = (y - slope * x - offset) / sigma
        weight = 1.0 / np.square(sigma) / (1.0 + np.square(rest / 2.0))
    spread = np.sum(weight * np.square(x - np.average(x, weights=weight)))
    return slope, offset, float(1.0 / np.sqrt(spread))
