"""The connected parts of ink on a page."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

# Fewer pixels are specks.
_SPECK = 4


def ink_parts(ink: np.ndarray) -> np.ndarray:
    """Returns the sizes in pixels of the connected parts of ink, bool ``[H, W]``, without specks.

    Pixels that touch at a corner are connected.
    """
    labels, _ = ndimage.label(ink, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())[1:]
    return np.asarray(sizes[sizes >= _SPECK])
