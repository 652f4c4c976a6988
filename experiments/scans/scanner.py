"""Damage of optics, sensor and file: pure functions on pages, float32 ``[H, W]`` in [0, 1].

Random ones take ``rng`` first. All results are in [0, 1] again.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy import ndimage


def blur(page: np.ndarray, *, sigma: float) -> np.ndarray:
    """Blurs by a Gaussian of standard deviation ``sigma`` pixels, 0 to 3."""
    return np.asarray(ndimage.gaussian_filter(page, sigma, mode="nearest", truncate=3.0))


def motion_blur(page: np.ndarray, *, length: float, angle: float) -> np.ndarray:
    """Averages the page along a short straight path.

    Args:
      page: float32 ``[H, W]``.
      length: length of the path in pixels, 0 to 6.
      angle: direction of the path in radians.
    """
    places = np.linspace(-0.5, 0.5, int(np.ceil(length)) + 1) * length
    shifts = [(place * np.sin(angle), place * np.cos(angle)) for place in places]
    moved = [ndimage.shift(page, shift, order=1, mode="nearest") for shift in shifts]
    return np.asarray(np.clip(np.mean(moved, axis=0), 0.0, 1.0), np.float32)


def low_contrast(page: np.ndarray, *, black: float, white: float) -> np.ndarray:
    """Compresses the greys to the range from ``black`` (0 to 0.5) to ``white`` (0.5 to 1)."""
    return (black + (white - black) * page).astype(np.float32)


def gamma(page: np.ndarray, *, exponent: float) -> np.ndarray:
    """Raises the greys to a power, 0.5 (lighter) to 2 (darker)."""
    return np.asarray(np.power(page, np.float32(exponent)))


def gaussian_noise(rng: np.random.Generator, page: np.ndarray, *, level: float) -> np.ndarray:
    """Adds Gaussian noise of standard deviation ``level``, 0 to 0.3."""
    noise = np.float32(level) * rng.standard_normal(page.shape, np.float32)
    return np.asarray(np.clip(page + noise, 0.0, 1.0))


def poisson_noise(rng: np.random.Generator, page: np.ndarray, *, photons: float) -> np.ndarray:
    """Replaces each grey by a count of photons, of which white has ``photons`` (10 to 1000)."""
    return np.clip(rng.poisson(page * photons) / photons, 0.0, 1.0).astype(np.float32)


def salt_and_pepper(rng: np.random.Generator, page: np.ndarray, *, share: float) -> np.ndarray:
    """Turns a ``share`` of the pixels (0 to 0.2) black or white, half of them each."""
    chance = rng.random(page.shape, np.float32)
    salted = np.where(chance < 0.5 * share, np.float32(0.0), page)
    return np.where(chance > 1.0 - 0.5 * share, np.float32(1.0), salted)


def jpeg(page: np.ndarray, *, quality: int) -> np.ndarray:
    """Writes the page as JPEG of a ``quality`` from 20 to 90, and reads it again."""
    file = io.BytesIO()
    Image.fromarray(np.uint8(np.round(page * 255.0))).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image, np.float32) / np.float32(255.0)
