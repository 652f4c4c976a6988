"""Images of any size through a network for sizes that its strides divide."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aedenoise.config import ModelConfig
from aedenoise.errors import UsageError
from aedenoise.models.receptive_field import reach

# Larger images are denoised in tiles with this many pixels a side.
TILE = 512
# Sides above this are padded to multiples of it, so that a folder of photographs does not need a
# program for each of its sizes.
_COARSE = 64

Denoise = Callable[[np.ndarray], np.ndarray]


def denoise_any_size(
    images: np.ndarray,
    model: ModelConfig,
    denoise: Denoise,
    only: tuple[int, int] | None = None,
    *,
    tiled: bool = True,
) -> np.ndarray:
    """Applies ``denoise`` to float32 images ``[N, H, W, C]`` of any H and W.

    Small images are padded by their mirror image below and to the right. Images beyond ``TILE``
    are cut into tiles, each with a halo as wide as the network reaches, so that no seam is left;
    near the border the mirror image replaces the network's own padding. A network for ``only`` one
    height and width gets smaller images padded, and no larger ones. Unless ``tiled``, large images
    go through the network whole.

    Raises:
      UsageError: if the network takes images of one size alone, and these are larger.
    """
    height, width = images.shape[1:3]
    if only is not None:
        if height > only[0] or width > only[1]:
            raise UsageError(
                f"this network does not take {height} x {width} pixels: only {only[0]} x {only[1]} "
                "pixels can be returned to"
            )
        filled = _mirrored(images, (0, only[0] - height), (0, only[1] - width))
        return denoise(filled)[:, :height, :width]
    if not tiled or max(height, width) <= TILE:
        shape = [_padded(side, model) for side in (height, width)]
        whole = _mirrored(images, (0, shape[0] - height), (0, shape[1] - width))
        return denoise(whole)[:, :height, :width]
    _fitting(max(height, width), model)
    unit = model.downsampling
    halo = _up(reach(model), unit)
    rest = _fitting(unit, model) - unit
    core = [min(_up(TILE, unit), _up(side, unit)) for side in (height, width)]
    rows, columns = (range(0, side, step) for side, step in zip((height, width), core, strict=True))
    below, right = (len(starts) * step for starts, step in zip((rows, columns), core, strict=True))
    after = halo + rest
    padded = _mirrored(images, (halo, below - height + after), (halo, right - width + after))
    result = np.empty((len(images), below, right, images.shape[-1]), np.float32)
    for top in rows:
        for left in columns:
            bottom, end = top + core[0] + halo + after, left + core[1] + halo + after
            tile = padded[:, top:bottom, left:end]
            inner = denoise(tile)[:, halo : halo + core[0], halo : halo + core[1]]
            result[:, top : top + core[0], left : left + core[1]] = inner
    return result[:, :height, :width]


def _padded(side: int, model: ModelConfig) -> int:
    return _fitting(side if side <= _COARSE else _up(side, _COARSE), model)


def _fitting(side: int, model: ModelConfig) -> int:
    found = model.fitting(side)
    if found is None:
        raise UsageError(f"a side of {side} pixels does not fit this network: {model.sides}")
    return found


def _up(number: int, unit: int) -> int:
    return -(-number // unit) * unit


def _mirrored(images: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    if not any((*rows, *columns)):
        return images
    return np.pad(images, ((0, 0), rows, columns, (0, 0)), mode="symmetric")
