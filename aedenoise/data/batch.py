"""The batch type, passed from ``data`` to ``training`` and ``evaluation``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Batch(NamedTuple):
    """Batch of examples, as NumPy or device arrays.

    Attributes:
      image: uint8 ``[B, H, W, C]``; None if the devices hold the whole split.
      index: int32 ``[B]``, position of each example in its split; it seeds the example's noise.
      mask: bool ``[B]``; False marks padding, which must not count.
    """

    image: Any
    index: Any
    mask: Any


def evenly_spaced(total: int, most: int) -> np.ndarray:
    """Returns up to ``most`` evenly spaced rows of ``total``, first and last included, int32."""
    return np.linspace(0, total - 1, min(most, total)).astype(np.int32)
