"""Reader of IDX files, the format of the original MNIST archives. NumPy only."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from aedenoise.errors import DataError

# Bound against decompression bombs. The largest file, MNIST's training images, has 47 MB.
MAX_BYTES = 64 * 2**20


def read_idx(path: Path, sha256: str) -> np.ndarray:
    """Returns the uint8 array in a gzipped IDX file.

    Args:
      path: the ``.gz`` file.
      sha256: digest of the uncompressed file.

    Raises:
      DataError: if the file is missing, not gzipped, or has another digest.
    """
    try:
        with gzip.open(path) as file:
            content = file.read(MAX_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}); reinstall the package") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataError(f"{path} has SHA-256 {found}, expected {sha256}; reinstall the package")
    # Magic number: two zero bytes, the type (8: unsigned byte), the number of dimensions.
    if content[:3] != b"\x00\x00\x08":
        raise DataError(f"{path} is not an IDX file of unsigned bytes")
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, offset=4).astype(int)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
