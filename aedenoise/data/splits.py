"""Which examples are for testing, and which of them training has already seen. NumPy only."""

from __future__ import annotations

import hashlib

import numpy as np

from aedenoise.data.streaming import Records

Images = np.ndarray | Records
_CHUNK = 4096
# A sixth, as in MNIST's 60,000 + 10,000 images.
TEST_SHARE = 1 / 6


def is_test(name: str) -> bool:
    """Whether what is called ``name`` (a font, a file) belongs to the test split.

    A function of the name alone: the same font is on the same side in every dataset.
    """
    fraction = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
    return fraction < TEST_SHARE


def copies(images: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """bool ``[len(test)]``: where a test image has exactly the pixels of a training image.

    Args:
      images: ``[N, ...]``.
      train, test: rows of ``images``.
    """
    seen = {_pixels(images[row]) for row in train}
    return np.array([_pixels(images[row]) in seen for row in test], bool)


def repetitions(train: Images, test: Images) -> dict[str, int]:
    """How many images have exactly the pixels of an earlier one: ``repeated_in_train``,
    ``repeated_in_test``, and test images that are ``test_also_in_train``."""
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
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()
