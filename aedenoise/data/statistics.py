"""What a set of images looks like in numbers. NumPy only."""

from __future__ import annotations

import numpy as np

from aedenoise.data.streaming import Records

_CHUNK = 4096
_INK = 128
SIDES = ("top", "bottom", "left", "right")


def describe(images: np.ndarray | Records) -> dict[str, float]:
    """What was measured of the original notMNIST, of any images.

    Args:
      images: uint8 ``[N, H, W]`` or ``[N, H, W, C]``, N at least 1.

    Returns:
      ``mean`` and ``std`` of the pixels in units of [0, 1]; the shares of pixels ``at_0`` and
      ``at_255``; the shares of images whose ink (128 or more) touches each side.
    """
    histogram = np.zeros(256, np.int64)
    touching = np.zeros(4, np.int64)
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        histogram += np.bincount(chunk.ravel(), minlength=256)
        ink = chunk >= _INK
        edges = (ink[:, 0], ink[:, -1], ink[:, :, 0], ink[:, :, -1])
        touching += [int(edge.reshape(len(chunk), -1).any(axis=1).sum()) for edge in edges]
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
