"""Reader of NumPy files that are not trusted: headers and sizes first, then the data."""

from __future__ import annotations

import lzma
import math
import os
import zipfile
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO

import numpy as np

# What damaged or hostile files make zipfile, its decompressors and NumPy raise. RuntimeError: a
# password, or a method of compression that this Python has not.
UNREADABLE = (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error,
              lzma.LZMAError)  # fmt: skip
_SUFFIX = ".npy"


class TooLargeError(ValueError):
    """Arrays that take more bytes than allowed.

    Attributes:
      nbytes: bytes of the arrays that were asked for.
    """

    def __init__(self, nbytes: int, limit: int) -> None:
        super().__init__(f"unpacks to {nbytes / 2**20:,.0f} MB, more than {limit / 2**20:,.0f} MB")
        self.nbytes = nbytes


def read_npz(
    file: Path | IO[bytes],
    *,
    limit: int,
    choose: Callable[[Collection[str]], Collection[str]] = lambda names: names,
) -> dict[str, np.ndarray]:
    """Reads arrays of an ``.npz``, unless they take more than ``limit`` bytes together.

    Args:
      file: path, or an open file.
      limit: bytes. A few megabytes may unpack to a thousand times their size.
      choose: selects names of arrays; the others are not unpacked.

    Raises:
      TooLargeError: if the headers of the chosen arrays give a larger size.
      UNREADABLE: if the file is no ``.npz`` of plain arrays, or damaged.
    """
    with zipfile.ZipFile(file) as members:
        files = {
            name.removesuffix(_SUFFIX): name
            for name in members.namelist()
            if name.endswith(_SUFFIX)
        }
        # Asked even of an empty file, which it refuses.
        chosen = choose(files)
        wanted = [name for name in files if name in chosen]
        nbytes = sum(_member_nbytes(members, files[name]) for name in wanted)
        if nbytes > limit:
            raise TooLargeError(nbytes, limit)
        arrays = {}
        for name in wanted:
            with members.open(files[name]) as member:
                arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
        return arrays


def read_npy(path: Path) -> np.ndarray:
    """Reads an ``.npy``, after comparing the size that its header gives with that of the file.

    Raises:
      UNREADABLE: if the file is missing, no ``.npy`` of plain numbers, or damaged.
    """
    with open(path, "rb") as file:
        nbytes = _header_nbytes(file)
        if file.tell() + nbytes != os.fstat(file.fileno()).st_size:
            raise ValueError(f"{path} has another size than its header gives")
        file.seek(0)
        array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
        return array


def _member_nbytes(members: zipfile.ZipFile, name: str) -> int:
    with members.open(name) as member:
        nbytes = _header_nbytes(member)
        if member.tell() + nbytes != members.getinfo(name).file_size:
            raise ValueError(f"{name} has another size than its header gives")
        return nbytes


def _header_nbytes(file: IO[bytes]) -> int:
    """Reads a header; returns the bytes of the data that follow it."""
    version = np.lib.format.read_magic(file)
    # Version 3 differs from 2 in the encoding of field names only.
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("objects are not read")
    if min(shape, default=0) < 0:
        raise ValueError(f"shape {shape}")
    return math.prod(shape) * dtype.itemsize
