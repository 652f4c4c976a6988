"""Radial power spectra of images, and how those of denoised images deviate from the clean ones.

A decoder can lack high frequencies or have too many of them though its PSNR is high (Durall, Keuper
and Keuper 2020, "Watch your Up-Convolution"). NumPy, float64.
"""

from __future__ import annotations

import numpy as np

# About the power of rounding to 8 bits, 1.3e-6: nothing below it can be seen.
_FLOOR = 1e-6
# The high band is what lies above this share of the largest frequency.
_HIGH = 2 / 3


def radial_frequencies(height: int, width: int) -> np.ndarray:
    """Returns the frequencies of ``radial_power`` in cycles per pixel, ``[K]``.

    They are multiples of one cycle per shorter side, from one cycle to the diagonal's 0.71.
    """
    rings = _rings(height, width)
    found: np.ndarray = np.arange(1, rings.max() + 1) / min(height, width)
    return found


def radial_power(images: np.ndarray) -> np.ndarray:
    """Averages the power spectrum of each image over all directions and channels.

    ``|FFT|^2 / (H W)`` of the whole image, without a window as in Durall et al. 2020, averaged over
    rings of the width of one cycle per shorter side. White noise of variance v has power v at every
    frequency. The mean brightness, frequency 0, is left out.

    Args:
      images: ``[B, H, W, C]``.

    Returns:
      ``[B, K]``, at ``radial_frequencies(H, W)``.
    """
    count, height, width, _ = images.shape
    spectrum = np.fft.fft2(images.astype(np.float64), axes=(1, 2))
    power = np.square(np.abs(spectrum)).mean(axis=3).reshape(count, -1) / (height * width)
    rings = _rings(height, width).ravel()
    order = np.argsort(rings, kind="stable")
    starts = np.searchsorted(rings[order], np.arange(rings.max() + 1))
    sums = np.add.reduceat(power[:, order], starts, axis=1)
    found: np.ndarray = (sums / np.bincount(rings))[:, 1:]
    return found


def log_power(power: np.ndarray) -> np.ndarray:
    """Converts power to dB, bounded from below by the power of rounding to 8 bits."""
    found: np.ndarray = 10.0 * np.log10(power + _FLOOR)
    return found


def ratio_db(power: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Returns the ratio of mean powers in dB at each frequency, ``[K]``; 0 where they are equal.

    Args:
      power: radial power of the denoised images, ``[B, K]``.
      clean: that of the clean images, ``[B, K]``.
    """
    found: np.ndarray = log_power(power.mean(axis=0)) - log_power(clean.mean(axis=0))
    return found


def high_band_db(power: np.ndarray, clean: np.ndarray) -> float:
    """Returns the ratio of mean powers in the highest third of the frequencies, in dB.

    All frequencies count equally, as in a radial spectrum, however many bins their rings have.
    """
    frequencies = np.arange(1, power.shape[1] + 1)
    high = frequencies > _HIGH * power.shape[1]
    found, wanted = (log_power(values[:, high].mean(keepdims=True)) for values in (power, clean))
    return float((found - wanted).item())


def largest_deviation_db(power: np.ndarray, clean: np.ndarray) -> float:
    """Returns the largest absolute value of ``ratio_db``."""
    return float(np.abs(ratio_db(power, clean)).max())


def _rings(height: int, width: int) -> np.ndarray:
    """Returns the ring of each bin of the FFT, int ``[H, W]``; 0 holds the mean brightness."""
    rows, columns = np.fft.fftfreq(height), np.fft.fftfreq(width)
    radius = np.hypot(rows[:, None], columns[None, :]) * min(height, width)
    found: np.ndarray = np.rint(radius).astype(np.int64)
    return found
