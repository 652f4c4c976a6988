"""Padding and tiling: images of any size for networks whose strides must divide the size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aedenoise.config import ModelConfig
from aedenoise.errors import UsageError
from aedenoise.models.receptive_field import reach

# Side in pixels above which images are tiled, and of the tiles.
TILE = 512
# Sides above this are padded to multiples of it, so that a folder of photographs does not compile
# a program for every size.
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
    """Applies ``denoise`` to images of any height and width.

    Small images are padded by reflection at the bottom and right. Images above ``TILE`` are cut
    into tiles whose halo covers the network's receptive field, so that no seams appear; near the
    border, reflection replaces the network's own padding.

    Args:
      images: float32 ``[N, H, W, C]``.
      model: configuration of the network.
      denoise: the network, for sizes that its strides divide.
      only: height and width of a network with a fixed size; smaller images are padded to it.
      tiled: if False, large images pass through the network whole.

    Returns:
      Denoised images float32 ``[N, H, W, C]``.

    Raises:
      UsageError: if the images are larger than ``only``, or no size near theirs fits the network.
    """
    height, width = images.shape[1:3]
    if only is not None:
        if height > only[0] or width > only[1]:
            raise UsageError(
                f"{height} x {width} pixels are too many for this network: at most {only[0]} x "
                f"{only[1]}"
            )
        filled = _mirrored(images, (0, only[0] - height), (0, only[1] - width))
        return denoise(filled)[:, :height, :width]
    if not tiled or max(height, width) <= TILE:
        shape = [_padded(side, model) for side in (height, width)]
        whole = _mirrored(images, (0, shape[0] - height), (0, shape[1] - width))
        return denoise(whole)[:, :height, :width]
    # Only for its error: a network without a fitting size is refused before tiles are made.
    _fitting(max(height, width), model)
    unit = model.downsampling
    # A multiple of the stride keeps the strided grid of each tile aligned with the whole image's.
    halo = _up(reach(model), unit)
    rest = _fitting(unit, model) - unit
    core = [min(_up(TILE, unit), _up(side, unit)) for side in (height, width)]
    rows, columns = (range(0, side, step) for side, step in zip((height, width), core, strict=True))
    # All tiles have one shape, hence one compiled program; the last ones reach past the image.
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
        raise UsageError(f"a side of {side} pixels does not suit this network: {model.sides}")
    return found


def _up(number: int, unit: int) -> int:
    return -(-number // unit) * unit


def _mirrored(images: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    if not any((*rows, *columns)):
        return images
    return np.pad(images, ((0, 0), rows, columns, (0, 0)), mode="symmetric")
