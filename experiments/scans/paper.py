"""Damage of paper and light: pure functions on pages, float32 ``[H, W]`` in [0, 1], 1 is white.

Random ones take ``rng`` first. All results are in [0, 1] again. A strength of 0 changes nothing.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Returns a smooth random field from 0 to 1, float32 ``[H, W]``.

    Args:
      rng: chooses the values of the cells.
      shape: height and width.
      cells: number of cells along a side, at least 2; more of them give finer patches.
    """
    coarse = rng.standard_normal((cells, cells)).astype(np.float32)
    size = (shape[1], shape[0])
    field = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
    low, high = field.min(), field.max()
    return np.asarray((field - low) / (high - low))


def uneven_light(rng: np.random.Generator, page: np.ndarray, *, strength: float) -> np.ndarray:
    """Darkens the page by a smooth gradient.

    Args:
      rng: chooses the gradient.
      page: float32 ``[H, W]``.
      strength: share of light that the darkest place loses, 0 to 0.7.
    """
    return _darken(page, strength * smooth_field(rng, page.shape[:2], int(rng.integers(2, 5))))


def vignette(page: np.ndarray, *, strength: float) -> np.ndarray:
    """Darkens the page from its centre to its corners, which lose ``strength`` (0 to 0.6)."""
    y, x = _axes(page)
    return _darken(page, strength * (np.square(y - 0.5) + np.square(x - 0.5)) * 2.0)


def shadow(
    rng: np.random.Generator, page: np.ndarray, *, strength: float, softness: float
) -> np.ndarray:
    """Darkens one side of a random straight line, as a hand or the gutter of a book does.

    Args:
      rng: chooses the line.
      page: float32 ``[H, W]``.
      strength: share of light that the dark side loses, 0 to 0.6.
      softness: width of the edge as a share of the page, 0.01 to 0.3.
    """
    distance = _distance(rng, page)
    return _darken(page, strength / (1.0 + np.exp(np.clip(distance / softness, -30.0, 30.0))))


def tint(page: np.ndarray, *, level: float) -> np.ndarray:
    """Multiplies the page by the grey ``level`` of its paper, 0.6 to 1."""
    return (page * np.float32(level)).astype(np.float32)


def grain(
    rng: np.random.Generator, page: np.ndarray, *, strength: float, size: float
) -> np.ndarray:
    """Gives the paper a texture.

    Args:
      rng: chooses the texture.
      page: float32 ``[H, W]``.
      strength: standard deviation of the paper's reflectance, 0 to 0.1.
      size: standard deviation of the texture's smoothing in pixels, 0.5 to 3.
    """
    texture = ndimage.gaussian_filter(_normal(rng, page), size, truncate=3.0)
    texture *= strength / max(float(texture.std()), 1e-6)
    return _darken(page, -texture)


def stain(
    rng: np.random.Generator, page: np.ndarray, *, strength: float, radius: float
) -> np.ndarray:
    """Adds a round stain with an uneven outline and a darker rim.

    Args:
      rng: chooses place and outline.
      page: float32 ``[H, W]``.
      strength: share of light that the rim loses, 0 to 0.6; the inside loses less.
      radius: radius as a share of the page, 0.02 to 0.4.
    """
    y, x = _axes(page)
    distance = np.hypot(y - rng.random(), x - rng.random()) / radius
    distance = (distance + 0.4 * (smooth_field(rng, page.shape[:2], 9) - 0.5)).astype(np.float32)
    inside = 0.5 / (1.0 + np.exp(np.clip((distance - 1.0) / 0.03, -30.0, 30.0)))
    rim = 0.5 * np.exp(-np.square((distance - 0.97) / 0.05))
    return _darken(page, strength * (inside + rim))


def fold(rng: np.random.Generator, page: np.ndarray, *, strength: float) -> np.ndarray:
    """Adds a fold along a random line: a dark crease, a bright edge, and a change of the light.

    Args:
      rng: chooses the line.
      page: float32 ``[H, W]``.
      strength: share of light that the crease loses, 0 to 0.5.
    """
    distance = _distance(rng, page) / rng.uniform(0.001, 0.004)
    crease = np.exp(-np.square(distance)) - 0.4 * np.exp(-np.square(distance - 2.5))
    side = 0.25 / (1.0 + np.exp(np.clip(distance / 4.0, -30.0, 30.0)))
    return _darken(page, strength * (crease + side))


def border(rng: np.random.Generator, page: np.ndarray, *, strength: float) -> np.ndarray:
    """Darkens a narrow strip along one side, as where the paper does not reach the scanner's edge.

    Args:
      rng: chooses the side, and a width up to 2 % of the page.
      page: float32 ``[H, W]``.
      strength: share of light that the edge loses, 0 to 1.
    """
    y, x = _axes(page)
    distance = (y, 1.0 - y, x, 1.0 - x)[int(rng.integers(4))] - rng.uniform(0.002, 0.02)
    return _darken(page, strength / (1.0 + np.exp(np.clip(distance / 0.001, -30.0, 30.0))))


def show_through(page: np.ndarray, back: np.ndarray, *, strength: float, blur: float) -> np.ndarray:
    """Lets the back side show through the paper, mirrored and blurred.

    Args:
      page: float32 ``[H, W]``.
      back: back side as it is read, float32 ``[H, W]``.
      strength: contrast of the back side, 0 to 0.35.
      blur: standard deviation of its blur in pixels, 0.5 to 4.
    """
    seen = ndimage.gaussian_filter(back[:, ::-1], blur, truncate=3.0)
    return _darken(page, strength * (1.0 - seen))


def fade_ink(rng: np.random.Generator, page: np.ndarray, *, strength: float) -> np.ndarray:
    """Lightens the ink in patches, as worn type or an old cartridge does.

    Args:
      rng: chooses the patches.
      page: float32 ``[H, W]``.
      strength: share of ink that the lightest patch loses, 0 to 0.6.
    """
    loss = strength * smooth_field(rng, page.shape[:2], int(rng.integers(3, 40)))
    return (1.0 - (1.0 - page) * (1.0 - loss)).astype(np.float32)


def _darken(page: np.ndarray, loss: np.ndarray) -> np.ndarray:
    return np.clip(page * (1.0 - loss), 0.0, 1.0).astype(np.float32)


def _axes(page: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the places of rows and columns from 0 to 1, ``[H, 1]`` and ``[1, W]``."""
    height, width = page.shape
    y = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    return y, np.linspace(0.0, 1.0, width, dtype=np.float32)[None]


def _distance(rng: np.random.Generator, page: np.ndarray) -> np.ndarray:
    """Returns the signed distance from a line through the page, mostly upright or level."""
    angle = 0.5 * np.pi * rng.integers(4) + rng.normal(0.0, 0.15)
    y, x = _axes(page)
    place = np.float32(rng.uniform(0.1, 0.9)), np.float32(rng.uniform(0.1, 0.9))
    sine, cosine = np.float32(np.sin(angle)), np.float32(np.cos(angle))
    return np.asarray((y - place[0]) * sine + (x - place[1]) * cosine, np.float32)


def _normal(rng: np.random.Generator, page: np.ndarray) -> np.ndarray:
    return rng.standard_normal(page.shape, np.float32)
