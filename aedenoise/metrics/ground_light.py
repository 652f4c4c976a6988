"""The light on a page, which need not be even."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

# The light changes slowly: a quarter of the pixels will do.
_STEP = 4
_WINDOW, _PERCENTILE, _SMOOTHING = 13, 90, 4.0


def ground_light(grey: np.ndarray) -> np.ndarray:
    """Returns the brightness of the ground around each pixel: of the bright ones within 26 pixels.

    Args:
      grey: ``[H, W]`` in [0, 1], of at least 8 pixels a side.
    """
    small = ndimage.zoom(grey, 1 / _STEP, order=1)
    bright = ndimage.percentile_filter(small, _PERCENTILE, size=_WINDOW)
    smooth = ndimage.gaussian_filter(bright, _SMOOTHING)
    factors = [side / part for side, part in zip(grey.shape, smooth.shape, strict=True)]
    return np.asarray(ndimage.zoom(smooth, factors, order=1))
