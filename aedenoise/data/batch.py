"""The batch: what ``data`` makes and ``training`` and ``evaluation`` consume."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Batch(NamedTuple):
    """One batch, as NumPy or device arrays.

    Attributes:
      image: uint8 ``[B, H, W, C]``; None where the devices hold the whole split.
      index: int32 ``[B]``, of each example in its split; noise is drawn by it.
      mask: bool ``[B]``; False marks padding that must not count.
    """

    image: Any
    index: Any
    mask: Any


def evenly_spaced(total: int, most: int) -> np.ndarray:
    """Returns ``most`` of ``total`` rows, or all where there are fewer, from the first to the last,
    int32."""
    return np.linspace(0, total - 1, min(most, total)).astype(np.int32)
