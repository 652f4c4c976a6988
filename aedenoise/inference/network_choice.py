"""Choice of a packed network for each picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.pretrained import (
    LETTERS,
    PAGES,
    PHOTOS,
    PHOTOS_COLOUR,
    load_pretrained,
)
from aedenoise.inference.suitability import stroke_width
from aedenoise.metrics.ground_light import ground_light

# Pictures with a smaller side are taken for characters; of larger ones a part of this side decides.
_SMALL, _PART = 64, 512
# Type, measured on pages and photographs without their noise: its brightnesses span at least half
# of the range, two classes explain most of their variance (0.82 to 0.93, up to 0.85 in photographs)
# and strokes are narrow (2 to 5 pixels; the classes of photographs are mostly wider than 9).
_LEAST_RANGE, _LEAST_EXPLAINED, _WIDEST = 0.5, 0.8, 8.0
# Pages, measured in the same way relative to the light around, which may be uneven: little ink, in
# narrow strokes (1 to 6 pixels, 4 to 17 %) on an even, light ground (deviation of 0.04 to 0.09).
# Photographs with as little of it in as narrow parts have a rougher (0.11) or darker ground.
_MOST_INK, _WIDEST_INK, _ROUGHEST, _DARKEST, _FAINTEST = 0.25, 6.2, 0.1, 0.5, 0.3
# Mean distance of a channel from grey above which a picture has colours.
_COLOURED = 0.04


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
        grey or in colour."""
        if min(pixels.shape[:2]) < _SMALL:
            return self.load(LETTERS)
        photos = self.load(PHOTOS)
        # Strokes and paper stand out only where the noise is gone.
        part = photos.denoiser(_middle(pixels)[None])[0]
        if looks_like_page(part):
            return self.load(PAGES)
        if looks_like_type(part):
            return self.load(LETTERS)
        return photos if pixels.shape[-1] == 1 else self.load(PHOTOS_COLOUR)

    def load(self, name: str) -> Network:
        """Returns the network of a name."""
        if name not in self._loaded:
            self._loaded[name] = Network(load_pretrained(name), name)
        return self._loaded[name]


def looks_like_page(pixels: np.ndarray) -> bool:
    """Returns True for narrow dark strokes on a light ground, whose light may be uneven.

    Args:
      pixels: ``[H, W, C]`` in [0, 1], without noise.
    """
    if _coloured(pixels):
        return False
    grey = pixels.mean(axis=-1)
    relative = np.clip(grey / np.maximum(ground_light(grey), 1e-3), 0.0, 1.2)
    least, most = np.percentile(relative, (1, 99))
    ink = relative < 0.5 * (least + most)
    if most - least < _FAINTEST or np.median(grey) < _DARKEST or not 0.0 < ink.mean() < _MOST_INK:
        return False
    return bool(relative[~ink].std() < _ROUGHEST and stroke_width(ink) < _WIDEST_INK)


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
    share = strokes.mean()
    distance = grey[strokes].mean() - grey[~strokes].mean()
    explained = share * (1.0 - share) * distance**2 / grey.var()
    return bool(explained > _LEAST_EXPLAINED and stroke_width(strokes) < _WIDEST)


def _middle(pixels: np.ndarray) -> np.ndarray:
    top, left = (max(0, side - _PART) // 2 for side in pixels.shape[:2])
    return pixels[top : top + _PART, left : left + _PART]
