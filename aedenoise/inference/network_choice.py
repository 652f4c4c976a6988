"""Choice of a packed network for each picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.noise_estimation import measure_level
from aedenoise.inference.pretrained import (
    LETTERS,
    PAGES,
    PHOTOS,
    PHOTOS_COLOUR,
    load_pretrained,
)
from aedenoise.inference.suitability import stroke_width
from aedenoise.metrics.ground_light import ground_light
from aedenoise.metrics.ink_parts import ink_parts

# Side in pixels of the part that decides for a larger picture.
_PART = 512
# Type, measured on letters and on photographs without their noise: its brightnesses span most of
# the range, two classes explain most of their variance (0.8 to 0.95; less at a noise of 0.6), the
# ground is nearly black or white, and strokes are narrow (2 to 5 pixels; the classes of photographs
# are mostly wider than 7). Below 64 pixels, where a glyph is more likely, limits are wider.
_LEAST_RANGE, _GROUND, _SMALL = 0.6, 0.25, 64
_EXPLAINED, _WIDEST = 0.8, 6.5
_EXPLAINED_SMALL, _WIDEST_SMALL = 0.65, 8.0
# Pages, measured in the same way relative to the light around, which may be uneven: little ink, in
# narrow strokes (1 to 6 pixels, 4 to 17 %) on an even, light ground (deviation of 0.04 to 0.09).
# Photographs with as little of it in as narrow parts have a rougher (0.11) or darker ground.
_MOST_INK, _WIDEST_INK, _ROUGHEST, _DARKEST, _FAINTEST = 0.25, 6.2, 0.1, 0.5, 0.3
# The ink of a page is in many strokes: of a part of n pixels a side the largest has about 10 / n of
# the ink, and 27 / n at most. Dark parts of photographs hang together (mostly above 60 / n).
_STROKES, _LARGEST = 3, 27.0
# Or it has this many strokes for each pixel, and two classes explain this much of the variance.
_DENSE, _EXPLAINED_PAGE = 15e-4, 0.7
# Mean distance of a channel from grey above which a picture has colours.
_COLOURED = 0.04
# The network for colours does not know a noise of which it removes less than this share of what
# that for grey removes. Measured: 0.9 to 1.1 with noise of each channel's own, at most 0.2 with
# noise that they share. Below this level, texture may be taken for noise.
_UNKNOWN, _LEAST_LEVEL = 0.5, 0.035


class Network(NamedTuple):
    """A network, and its name if it is a packed one."""

    denoiser: Denoiser
    name: str | None = None


class PackedNetworks:
    """The packed networks, each loaded when it is first needed."""

    def __init__(self) -> None:
        self._loaded: dict[str, Network] = {}

    def choose(self, pixels: np.ndarray) -> Network:
        """Returns the network for a picture ``[H, W, C]`` in [0, 1]: that for letters if it shows
        type, that for pages if it is dark on an even ground, and otherwise that for photographs in
        grey or in colour. Noise that the channels share, as in most JPEG files and in grey pictures
        stored in colour, is unknown to the network for colours: that for grey takes each channel.
        """
        photos = self.load(PHOTOS)
        noisy = _middle(pixels)
        # Strokes and paper stand out only where the noise is gone.
        part = photos.denoiser(noisy[None])[0]
        if looks_like_page(part):
            return self.load(PAGES)
        if looks_like_type(part):
            return self.load(LETTERS)
        if pixels.shape[-1] == 1:
            return photos
        coloured = self.load(PHOTOS_COLOUR)
        if min(noisy.shape[:2]) < _SMALL or measure_level(noisy) < _LEAST_LEVEL:
            return coloured
        removed = np.std(noisy - coloured.denoiser(noisy[None])[0])
        return photos if removed < _UNKNOWN * np.std(noisy - part) else coloured

    def load(self, name: str) -> Network:
        """Returns the network of a name."""
        if name not in self._loaded:
            self._loaded[name] = Network(load_pretrained(name), name)
        return self._loaded[name]


def looks_like_page(pixels: np.ndarray) -> bool:
    """Returns True for many narrow dark strokes on a light ground, whose light may be uneven.

    Args:
      pixels: ``[H, W, C]`` in [0, 1], without noise.
    """
    if _coloured(pixels) or min(pixels.shape[:2]) < _SMALL:
        return False
    grey = pixels.mean(axis=-1)
    relative = np.clip(grey / np.maximum(ground_light(grey), 1e-3), 0.0, 1.2)
    least, most = np.percentile(relative, (1, 99))
    ink = relative < 0.5 * (least + most)
    if most - least < _FAINTEST or np.median(grey) < _DARKEST or not 0.0 < ink.mean() < _MOST_INK:
        return False
    if relative[~ink].std() > _ROUGHEST or stroke_width(ink) > _WIDEST_INK:
        return False
    sizes = ink_parts(ink)
    if len(sizes) < _STROKES:
        return False
    scattered = sizes.max() < _LARGEST / min(ink.shape) * sizes.sum()
    # A fold or a dark edge may join strokes: then their number and contrast decide.
    dense = len(sizes) > _DENSE * ink.size and _explained(relative, ink) > _EXPLAINED_PAGE
    return bool(scattered or dense)


def _explained(values: np.ndarray, classes: np.ndarray) -> float:
    """Returns the share of the variance of ``values`` that two classes explain (Otsu 1979)."""
    share = classes.mean()
    distance = values[classes].mean() - values[~classes].mean()
    return float(share * (1.0 - share) * distance**2 / values.var())


def _coloured(pixels: np.ndarray) -> bool:
    distance = np.abs(pixels - pixels.mean(axis=-1, keepdims=True)).mean()
    return bool(distance > _COLOURED)


def looks_like_type(pixels: np.ndarray) -> bool:
    """Returns True for narrow strokes of one brightness on a ground of another.

    Args:
      pixels: ``[H, W, C]`` in [0, 1], without noise.
    """
    if _coloured(pixels):
        return False
    grey = pixels.mean(axis=-1)
    least, most = np.percentile(grey, (0.5, 99.5))
    if most - least < _LEAST_RANGE:
        return False
    strokes = grey > 0.5 * (least + most)
    strokes = strokes if strokes.mean() < 0.5 else ~strokes
    if not strokes.any():
        return False
    ground = grey[~strokes].mean()
    small = min(grey.shape) < _SMALL
    return bool(
        _explained(grey, strokes) > (_EXPLAINED_SMALL if small else _EXPLAINED)
        and min(ground, 1.0 - ground) < _GROUND
        and stroke_width(strokes) < (_WIDEST_SMALL if small else _WIDEST)
    )


def _middle(pixels: np.ndarray) -> np.ndarray:
    top, left = (max(0, side - _PART) // 2 for side in pixels.shape[:2])
    return pixels[top : top + _PART, left : left + _PART]
