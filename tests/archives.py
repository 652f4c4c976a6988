"""Archives in Bulatov's layout, made of the letters in the package."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from aedenoise.data.builders import LETTERS, read_open_letters

UNREADABLE = ("A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=", "F/Q3Jvc3NvdmVyIEJvbGQ=")
Members = Iterable[tuple[str, bytes]]


def png(image: np.ndarray) -> bytes:
    """Encodes a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def letters(count: int, name: str = "small") -> Iterator[tuple[str, bytes]]:
    """Makes ``count`` members of real letters, fonts ``f0000`` on, sorted by name."""
    images, labels, fonts = read_open_letters("train")
    step = max(1, len(images) // count)
    chosen = range(0, step * count, step)
    members = [
        (f"notMNIST_{name}/{LETTERS[labels[i]]}/f{fonts[i]:04}_{i}.png", png(images[i]))
        for i in chosen
    ]
    return iter(sorted(members))


def pack(path: Path, members: Members) -> Path:
    """Writes a gzipped tar; the two known unreadable names are empty members of it."""
    with (
        gzip.GzipFile(path, "wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        add(tar, "notMNIST_small", b"", tarfile.DIRTYPE)
        for name, content in members:
            add(tar, name, content)
    return path


def add(
    tar: tarfile.TarFile, name: str, content: bytes, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> None:
    """Adds one member of any type."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def small_archive(path: Path, count: int = 400) -> Path:
    """Writes an archive of ``count`` letters and the two unreadable members."""
    broken = [(f"notMNIST_small/{name}.png", b"") for name in UNREADABLE]
    return pack(path, sorted([*letters(count), *broken]))
