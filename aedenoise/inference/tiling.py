"""Padding and tiling: images of any size for networks whose strides must divide the size."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

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

    Images are padded by reflection at the bottom and right. Those above ``TILE`` are cut into tiles
    that overlap by twice the network's receptive field and of which only the middle is kept, except
    at the border of the image. The result is that of the whole image, up to rounding.

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
    shape = [_padded(side, model) for side in (height, width)]
    whole = _mirrored(images, (0, shape[0] - height), (0, shape[1] - width))
    if not tiled or max(height, width) <= TILE:
        return denoise(whole)[:, :height, :width]
    unit = model.downsampling
    # A multiple of the stride keeps the strided grid of each tile aligned with the whole image's.
    halo, step = _up(reach(model), unit), _up(TILE, unit)
    # All tiles have one shape, hence one compiled program; the last ones overlap more.
    most = _fitting(step + 2 * halo, model)
    tiles = [_tiles(side, most, step, halo) for side in shape]
    result = np.empty((len(images), height, width, images.shape[-1]), np.float32)
    for rows in tiles[0]:
        for columns in tiles[1]:
            inner = denoise(whole[:, rows.all, columns.all])[:, rows.inner, columns.inner]
            # The padding of the image is dropped here.
            place = result[:, rows.kept, columns.kept]
            place[...] = inner[:, : place.shape[1], : place.shape[2]]
    return result


class _Tile(NamedTuple):
    """Extent of a tile along one axis: all of it, its part that is kept, and the place of that."""

    all: slice
    inner: slice
    kept: slice


def _tiles(side: int, most: int, step: int, halo: int) -> list[_Tile]:
    """Cuts a side into tiles of ``most`` pixels, at most ``step`` apart."""
    length = min(side, most)
    starts = [*range(0, side - length, step), side - length]
    tiles = []
    for start in starts:
        # At the border of the image nothing is cut off: the whole image ends there, too.
        first = halo if start else 0
        last = length - (halo if start + length < side else 0)
        tiles.append(
            _Tile(
                slice(start, start + length),
                slice(first, last),
                slice(start + first, start + last),
            )
        )
    return tiles


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
