"""Choice of a packed network for each picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.pretrained import LETTERS, PHOTOS, load_pretrained

# Pictures with a smaller side are taken for characters; of larger ones a part of this side decides.
_SMALL, _PART = 64, 512
# Places in the range from ink to paper that count as between them, and the share of such pixels
# above which a picture is no type: 0.04 to 0.23 in pages of type, 0.33 and more in photographs.
_BETWEEN, _MOST_BETWEEN = (0.2, 0.8), 0.25
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
        type, that for photographs otherwise."""
        if min(pixels.shape[:2]) < _SMALL:
            return self.load(LETTERS)
        photos = self.load(PHOTOS)
        # Strokes and paper stand out only where the noise is gone.
        part = photos.denoiser(_middle(pixels)[None])[0]
        return self.load(LETTERS) if looks_like_type(part) else photos

    def load(self, name: str) -> Network:
        """Returns the network of a name."""
        if name not in self._loaded:
            self._loaded[name] = Network(load_pretrained(name), name)
        return self._loaded[name]


def looks_like_type(pixels: np.ndarray) -> bool:
    """Returns True for strokes of one brightness on a ground of another.

    They make two modes of brightness with little between; a photograph fills the range.

    Args:
      pixels: ``[H, W, C]`` in [0, 1], without noise.
    """
    if np.abs(pixels - pixels.mean(axis=-1, keepdims=True)).mean() > _COLOURED:
        return False
    grey = pixels.mean(axis=-1)
    least, most = np.percentile(grey, (0.5, 99.5))
    if most - least < 0.125:
        return False
    place = (grey - least) / (most - least)
    return bool(np.mean((place > _BETWEEN[0]) & (place < _BETWEEN[1])) < _MOST_BETWEEN)


def _middle(pixels: np.ndarray) -> np.ndarray:
    top, left = (max(0, side - _PART) // 2 for side in pixels.shape[:2])
    return pixels[top : top + _PART, left : left + _PART]
