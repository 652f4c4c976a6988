"""Assignment of examples to splits, and duplicates within and across splits. NumPy only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from aedenoise.data.streaming import Records

Images = np.ndarray | Records
_CHUNK = 4096
# One sixth, as in MNIST's 60,000 + 10,000 images.
TEST_SHARE = 1 / 6


def is_test(name: str) -> bool:
    """Returns True if the font or file called ``name`` belongs to the test split.

    Depends on the name alone, so a font is in the same split in every dataset.
    """
    # SHA-256 rather than ``hash``, which differs between processes.
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    fraction = int.from_bytes(digest[:8], "big") / 2**64
    return fraction < TEST_SHARE


def calibration_parts(images: Images) -> np.ndarray:
    """Divides test images into a half for calibration and a half that measures it.

    Depends on the pixels alone, so that equal images are in the same part, in any order of the
    split.

    Returns:
      int8 ``[N]``: 0 measures, 1 and 2 are the quarters of the half for calibration.
    """
    first = np.array([pixels[0] for pixels in _all_pixels(images)], np.uint8)
    parts: np.ndarray = np.where(first < 128, 0, np.where(first < 192, 1, 2)).astype(np.int8)
    return parts


def copies(train: Iterable[np.ndarray], test: Iterable[np.ndarray]) -> np.ndarray:
    """Finds test images with exactly the pixels of a training image.

    Returns:
      bool, as long as ``test``; True for copies.
    """
    seen = {_pixels(image) for image in train}
    return np.array([_pixels(image) in seen for image in test], bool)


def repetitions(train: Images, test: Images) -> dict[str, int]:
    """Counts images with exactly the pixels of an earlier one.

    Returns:
      ``repeated_in_train`` and ``repeated_in_test``, duplicates within a split, and
      ``test_also_in_train``, test images that also occur in training.
    """
    of_train, of_test = _all_pixels(train), _all_pixels(test)
    seen = set(of_train)
    return {
        "repeated_in_train": len(of_train) - len(seen),
        "repeated_in_test": len(of_test) - len(set(of_test)),
        "test_also_in_train": sum(pixels in seen for pixels in of_test),
    }


def _all_pixels(images: Images) -> list[bytes]:
    found: list[bytes] = []
    for start in range(0, len(images), _CHUNK):
        found += [_pixels(image) for image in images[start : start + _CHUNK]]
    return found


def _pixels(image: np.ndarray) -> bytes:
    # 16 bytes per image keep the sets small; collisions are negligible.
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()
