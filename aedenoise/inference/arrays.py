"""Arrays from users as images: dtype, range and layout are checked, not guessed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

# Largest magnitude accepted for float images: beyond any noise, below an 8-bit range.
_FARTHEST = 20.0
# Share of pixels at the lowest value, or deep below 0, that noise does not explain.
_AT_FLOOR, _FLOOR_PIXELS, _DEEP, _BELOW = 0.005, 8, -0.5, 0.1
# Most channels that images have, where the layout is in doubt.
_CHANNELS = 4
# Depth of cameras, below which a 16-bit array is nearly black.
_CAMERA = 2**14
# Pillow's modes whose pixels are brightnesses of 8 or 16 bits, or floats.
_MODES = ("L", "RGB", "F", "I;16", "I;16L", "I;16B")


def as_array(images: Any) -> np.ndarray:
    """Returns what a user passed as an array.

    Raises:
      ValueError: if it is no array of numbers, has masked pixels, is a Pillow image whose pixels
        are not brightnesses, or is empty.
    """
    mode = getattr(images, "mode", None)
    if isinstance(mode, str) and hasattr(images, "convert") and mode not in _MODES:
        raise ValueError(f'images of Pillow\'s mode {mode} must be converted: .convert("RGB")')
    if np.ma.is_masked(images):
        raise ValueError("images have masked pixels; fill them first, with .filled()")
    try:
        array = np.asarray(images)
    except ValueError as error:
        raise ValueError("images differ in shape; pass them one by one") from error
    if array.ndim == 0 or array.dtype == object:
        raise ValueError(
            f"images must be an array of pixels, not {type(images).__name__}; read a file with "
            "Pillow or imageio, or use the command denoise"
        )
    if not array.size:
        raise ValueError(f"images of shape {array.shape} are empty")
    return array


def scaled(images: np.ndarray, stacklevel: int = 4) -> np.ndarray:
    """Converts images to float32 in units of the [0, 1] range.

    Args:
      images: float in that range, uint8 or uint16, of any shape and byte order.
      stacklevel: frames from here to the user's call, for warnings.

    Raises:
      ValueError: if the dtype is another, or the values are certainly not in that range.
    """
    dtype = images.dtype.newbyteorder("=")
    if dtype in (np.uint8, np.uint16):
        if dtype == np.uint16 and 0 < images.max(initial=0) < _CAMERA:
            warnings.warn(
                f"uint16 images up to {images.max():,} are nearly black, as white is 65,535: "
                "divide by the largest possible value and pass floats",
                stacklevel=stacklevel,
            )
        return images.astype(np.float32) / np.float32(np.iinfo(dtype).max)
    if not np.issubdtype(dtype, np.floating):
        whole = np.issubdtype(dtype, np.integer)
        remedy = ".astype(np.uint8), if white is 255" if whole else ".astype(np.float32)"
        raise ValueError(f"images must be float, uint8 or uint16, not {dtype}: {remedy}")
    if not np.all(np.isfinite(images)):
        raise ValueError("images have NaN or infinite pixels; replace them first")
    if not np.all(np.abs(images) <= _FARTHEST):
        raise ValueError(
            "float images must be in units of the [0, 1] range: divide by 255 or pass "
            f"uint8{_extent(images)}"
        )
    values = images.astype(np.float32, copy=False)
    if values.size and _of_another_range(values):
        remedy = "pass (images + 1) / 2" if _within_signed(values) else "undo its normalisation"
        raise ValueError(f"images are not in the [0, 1] range: {remedy}{_extent(images)}")
    return values


def check_layout(images: np.ndarray) -> None:
    """Checks for ``[N, H, W]`` or ``[N, H, W, C]``.

    Raises:
      ValueError: if the shape is another, or certainly has its channels elsewhere.
    """
    shape = images.shape
    if images.ndim not in (3, 4) or 0 in shape:
        raise ValueError(f"images must have shape [N, H, W] or [N, H, W, C], not {shape}")
    if images.ndim == 4 and shape[1] <= _CHANNELS < min(shape[2:]):
        raise ValueError(
            f"images of shape {shape} have channels first; pass np.moveaxis(images, 1, -1)"
        )
    if images.ndim == 3 and shape[-1] in (3, 4) and min(shape[:2]) > _CHANNELS:
        raise ValueError(f"images of shape {shape} are one image [H, W, C]; pass images[None]")


def _of_another_range(values: np.ndarray) -> bool:
    """Returns True for negative values that no noise on [0, 1] explains.

    Noise has tails: many pixels at the same negative minimum are the black of another range, and
    so are many values far below 0 where none is above 1.
    """
    least = values.min()
    if least >= 0.0:
        return False
    at_floor = np.count_nonzero(values == least)
    if at_floor >= max(_FLOOR_PIXELS, _AT_FLOOR * values.size):
        return True
    if not _within_signed(values):
        return False
    return bool(least == -1.0 or np.mean(values < _DEEP) > _BELOW)


def _within_signed(values: np.ndarray) -> bool:
    return bool(values.min() >= -1.0 and values.max() <= 1.0)


def _extent(images: np.ndarray) -> str:
    return f" (got {images.shape} from {images.min():.3g} to {images.max():.3g})"
