"""Reader of Bulatov's notMNIST archives, member by member in memory.

Archives are untrusted and never extracted: a member counts only if its name, type and size are
those of a letter, and an image only if it decodes to 28 x 28 grey pixels.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import sys
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from tqdm import tqdm

from aedenoise.data.images import UnreadableImageError, decode_png
from aedenoise.errors import DataError

SIDE = 28
MAX_UNREADABLE = 0.001
_MEMBER = re.compile(r"notMNIST_(?:small|large)/(([A-J])/([^/\\\0]{1,255})\.png)")
_MAX_MEMBER_BYTES = 64 * 2**10
_MAX_SKIPPED_BYTES = 16 * 2**20
# Tolerated members that are neither letters nor folders; Bulatov's archives have fewer.
_MAX_STRANGERS = 1_000


@dataclass(frozen=True)
class ArchiveFacts:
    """Known facts about one of the two archives.

    Attributes:
      file: name of the file.
      size, sha256: bytes and digest of the original file.
      readable, unreadable: numbers of images.
      content: ``Letters.content`` of the original; None if unpublished.
      label_errors: fraction of wrong labels, estimated by Bulatov (2011).
    """

    file: str
    size: int
    sha256: str
    readable: int
    unreadable: int
    content: str | None
    label_errors: float


# Sizes and digests are those of checksums.tsv.
ARCHIVES = {
    "small": ArchiveFacts(
        "notMNIST_small.tar.gz",
        8_458_043,
        "76b2ef7ccc56452964780569db37b279c9cbe1bf442c3b38be784752683b3cec",
        18_724,
        2,
        "684045a54aeca0b807dae5e3039613aa8a3a8b35c33d412ce14e920d8fa2a77f",
        0.005,
    ),
    "large": ArchiveFacts(
        "notMNIST_large.tar.gz",
        247_336_696,
        "1e8261b75484b520dc76027f5c22af50fe608e3bb16277caec086eb928f9b61c",
        529_114,
        5,
        None,
        0.065,
    ),
}


@dataclass(frozen=True)
class Letters:
    """Readable images of an archive, sorted by the full names of their members.

    Attributes:
      image: uint8 ``[N, 28, 28]``.
      label: uint8 ``[N]``; 0 is A.
      font: file name of each image's font, base64 as in the archive, length ``N``.
      unreadable: ``A/….png`` of each image that could not be decoded.
      content: SHA-256 over ``image``, which identifies the archive however it was packed.
    """

    image: np.ndarray
    label: np.ndarray
    font: list[str]
    unreadable: tuple[str, ...]
    content: str


def read_archive(path: Path, facts: ArchiveFacts) -> Letters:
    """Reads an archive, at most as much as ``facts`` allow.

    Raises:
      DataError: if the file is missing, no archive, damaged, not notMNIST, or if more than
        0.1 % of its images are unreadable.
    """
    limit = facts.readable + facts.unreadable + _MAX_STRANGERS
    # The upper bound costs nothing: the system allocates pages as they are filled.
    image = np.empty((limit, SIDE, SIDE), np.uint8)
    names: list[str] = []
    unreadable: list[str] = []
    try:
        with open(path, "rb") as file:
            _require_gzip(file, path, facts)
            for name, content in _members(file, path, limit):
                try:
                    image[len(names)] = decode_png(content, (SIDE, SIDE))
                    names.append(name)
                except UnreadableImageError:
                    unreadable.append(name)
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise _damaged(path, facts, str(error)) from error
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except EOFError as error:
        raise _damaged(path, facts, "it ends early") from error
    except (tarfile.TarError, zlib.error) as error:
        raise _damaged(path, facts, str(error)) from error
    if not names:
        raise DataError(
            f"{path} holds no notMNIST_small/A/….png; expected {facts.readable:,} images"
        )
    if len(unreadable) > max(facts.unreadable, MAX_UNREADABLE * (len(names) + len(unreadable))):
        raise DataError(
            f"{path}: {len(unreadable):,} of {len(names) + len(unreadable):,} images are "
            f"unreadable, expected {facts.unreadable}; get the archive again"
        )
    return _sorted(image, names, unreadable)


def _sorted(image: np.ndarray, names: list[str], unreadable: list[str]) -> Letters:
    order = sorted(range(len(names)), key=names.__getitem__)
    # An archive packed in order needs no second copy of the images.
    image = image[: len(names)] if order == list(range(len(names))) else image[order]
    matches = [re.fullmatch(r"([A-J])/(.*)\.png", names[i], re.S) for i in order]
    return Letters(
        image=image,
        label=np.array([ord(m[1]) - ord("A") for m in matches if m], np.uint8),
        font=[m[2] for m in matches if m],
        unreadable=tuple(sorted(unreadable)),
        content=hashlib.sha256(np.ascontiguousarray(image).data).hexdigest(),
    )


def _members(file: BinaryIO, path: Path, limit: int) -> Iterator[tuple[str, bytes]]:
    """Yields name (``A/….png``) and content of each letter; reads on to gzip's checksum."""
    size = path.stat().st_size
    # A member of the tar takes a header and a block for each 512 bytes.
    stream = _Bounded(gzip.GzipFile(fileobj=file), limit * 4096)
    strangers = letters = 0
    with (
        tqdm(
            total=size,
            unit="B",
            unit_scale=True,
            desc=f"reading {path.name}",
            disable=not sys.stderr.isatty(),
            leave=False,
        ) as bar,
        tarfile.open(fileobj=stream, mode="r|", encoding="utf-8") as archive,  # type: ignore[call-overload]
    ):
        for member in archive:
            # tarfile would otherwise read on for the size that a hostile header claims.
            if member.size > _MAX_SKIPPED_BYTES:
                raise DataError(f"{path} is not notMNIST: a member of {member.size:,} bytes")
            bar.update(file.tell() - bar.n)
            archive.members = []  # tarfile would keep every header
            match = _MEMBER.fullmatch(member.name)
            plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
            if match is None or not plain or member.size > _MAX_MEMBER_BYTES:
                strangers += member.type != tarfile.DIRTYPE
            else:
                letters += 1
                content = archive.extractfile(member)
                assert content is not None
                yield match[1], content.read()
            if strangers > _MAX_STRANGERS or letters >= limit:
                raise DataError(
                    f"{path} is not notMNIST: more than {limit:,} images or "
                    f"{_MAX_STRANGERS:,} other members; get the archive again"
                )
        # gzip verifies its checksum only at the end of the stream, after the last member.
        while stream.read(2**20):
            pass


class _Bounded:
    """Stream that fails after ``limit`` bytes, against decompression bombs."""

    def __init__(self, stream: gzip.GzipFile, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise DataError("the archive unpacks to far more than notMNIST; get it again")
        return content


def _require_gzip(file: BinaryIO, path: Path, facts: ArchiveFacts) -> None:
    head = file.read(64)
    file.seek(0)
    if head[:2] == b"\x1f\x8b":
        return
    size = path.stat().st_size
    what = "is empty" if not head else "is no gzip archive"
    if head.lstrip()[:1] == b"<":
        what = "is a web page, no archive"
    raise DataError(
        f"{path} {what}: {size:,} bytes beginning with {bytes(head[:12])!r}; expected a gzip of "
        f"about {facts.size:,}"
    )


def _damaged(path: Path, facts: ArchiveFacts, why: str) -> DataError:
    return DataError(
        f"{path} is damaged ({why}): {path.stat().st_size:,} bytes; the original has "
        f"{facts.size:,}. Get it again"
    )
