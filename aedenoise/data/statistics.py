"""Pixel statistics of a set of images. NumPy only."""

from __future__ import annotations

import numpy as np

from aedenoise.data.streaming import Records

# Images at a time, so that splits on disk need little memory.
_CHUNK = 4096
# Pixel value from which a pixel counts as ink.
_INK = 128
SIDES = ("top", "bottom", "left", "right")


def describe(images: np.ndarray | Records) -> dict[str, float]:
    """Computes the statistics that NOTMNIST.md reports for the original notMNIST.

    Args:
      images: uint8 ``[N, H, W]`` or ``[N, H, W, C]``, N at least 1.

    Returns:
      ``mean`` and ``std`` of the pixels in units of [0, 1]; the fractions of pixels ``at_0`` and
      ``at_255``; the fractions of images whose ink (128 or more) touches each side.
    """
    histogram = np.zeros(256, np.int64)
    touching = np.zeros(4, np.int64)
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        histogram += np.bincount(chunk.ravel(), minlength=256)
        ink = chunk >= _INK
        edges = (ink[:, 0], ink[:, -1], ink[:, :, 0], ink[:, :, -1])
        touching += [int(edge.reshape(len(chunk), -1).any(axis=1).sum()) for edge in edges]
    # From the histogram: exact integer counts, whatever the order and size of the chunks.
    values = np.arange(256) / 255
    share = histogram / histogram.sum()
    mean = float(share @ values)
    return {
        "mean": mean,
        "std": float(np.sqrt(share @ (values - mean) ** 2)),
        "at_0": float(share[0]),
        "at_255": float(share[255]),
        **{
            f"touches_{side}": float(count / len(images))
            for side, count in zip(SIDES, touching, strict=True)
        },
    }
