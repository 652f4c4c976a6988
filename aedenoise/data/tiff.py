"""Facts from the tags of a TIFF: significant bits, and what Pillow cannot read in full."""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

_STDERR = 2
_WIDTH, _BITS, _COMPRESSION, _SAMPLES = 256, 258, 259, 277
_MOST, _PLANES, _FORMAT, _SIGNED_MOST = 281, 284, 339, 341
_HEADERS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SIGNED, _SEPARATE = 2, 2
_PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
# Values of a sensor: behind a mosaic of colours, and linear (DNG 1.7).
_SENSOR = (32_803, 34_892)
# The first picture of many raw files is a preview; the sensor's values are in a directory below it.
_SUBFILE_TYPE, _PREVIEW, _BELOW = 254, 1, 330
_FORMATS = {1: "unsigned", 2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}


class Tag(Protocol):
    """Value of a tag, or a default."""

    def __call__(self, number: int, default: Any, /) -> Any: ...


def significant_bits(tag: Tag) -> int | None:
    """Returns the bits of the largest value that the tags of a TIFF allow, or None.

    Args:
      tag: function of the number of a tag and a default that returns its value.
    """
    with suppress(KeyError, TypeError, ValueError, IndexError):
        bits = _first(tag(_BITS, 1))
        # A sign takes one bit of the container.
        bits -= int(_first(tag(_FORMAT, 1)) == _SIGNED)
        for number in (_MOST, _SIGNED_MOST):
            most = tag(number, None)
            if most is not None:
                bits = min(bits, int(max(most) if isinstance(most, tuple) else most).bit_length())
        return bits if bits > 0 else None
    return None


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Drops what Pillow and tifffile log of odd tags; errors are raised all the same."""
    logs = [logging.getLogger(name) for name in ("PIL", "tifffile")]
    levels = [log.level for log in logs]
    try:
        for log in logs:
            log.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


@contextmanager
def silenced() -> Iterator[None]:
    """Drops what C code writes to the standard error stream, such as libtiff on damaged files.

    The stream is that of the process, so that lines of other threads are dropped, too.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        kept = os.dup(_STDERR)
    except OSError:  # closed
        yield
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
        os.close(nothing)


def is_deep(image: Image.Image) -> bool:
    """Returns True for a page of a TIFF of which Pillow reads 8 of 16 bits per channel."""
    tags: Any = getattr(image, "tag_v2", None)
    if tags is None:
        return False
    bits = tags.get(_BITS, (1,))
    return len(bits) > 1 and max(bits) > 8


def is_negative(image: Image.Image) -> bool:
    """Returns True for a TIFF of 16-bit greys whose 0 is white, which Pillow reads as black."""
    tags: Any = getattr(image, "tag_v2", None)
    deep = image.mode.startswith("I;16") or image.mode == "I"
    return deep and tags is not None and tags.get(_PHOTOMETRIC) == WHITE_IS_ZERO


def describe_kind(source: Path | io.BytesIO) -> str | None:
    """Describes how the first picture of a TIFF is stored; returns None for any other file.

    For files that Pillow does not open: it reads the table of tags, and no pixels.
    """
    tags = _read_tags(source)
    # The file is not trusted, and failed once already.
    with suppress(Exception):
        return describe_tags(tags.get) if _WIDTH in tags else None
    return None


def is_undeveloped(source: Path | bytes) -> bool:
    """Returns True for a raw file of a camera that is a TIFF, such as a DNG."""
    tags = _read_tags(io.BytesIO(source) if isinstance(source, bytes) else source)
    # The file is not trusted.
    with suppress(Exception):
        preview = bool(tags.get(_SUBFILE_TYPE, 0) & _PREVIEW) and _BELOW in tags
        return preview or tags.get(_PHOTOMETRIC) in _SENSOR
    return False


def _read_tags(source: Path | io.BytesIO) -> Any:
    """Reads the first table of tags of a TIFF; that of any other file is empty."""
    # The file is not trusted.
    with suppress(Exception), warnings.catch_warnings(), quiet_logs():
        warnings.simplefilter("ignore")
        if isinstance(source, io.BytesIO):
            return _parsed(source)
        with source.open("rb") as file:
            return _parsed(file)
    return {}


def _parsed(file: Any) -> Any:
    file.seek(0)
    header = file.read(8)
    if header[:4] not in _HEADERS:
        return {}
    if header[2:3] == b"+" or header[3:4] == b"+":
        header += file.read(8)
    tags = ImageFileDirectory_v2(header)
    file.seek(tags.next)
    tags.load(file)
    return tags


def describe_tags(tag: Tag) -> str:
    """Describes how a page of a TIFF is stored.

    Args:
      tag: function of the number of a tag and a default that returns its value.
    """
    bits = tag(_BITS, (1,))
    count = len(bits) if isinstance(bits, tuple) else 1
    kind = _FORMATS.get(_first(tag(_FORMAT, 1)), "unknown")
    planes = " in separate planes" if tag(_PLANES, 1) == _SEPARATE else ""
    return (
        f"a TIFF with {tag(_SAMPLES, count)} x {_first(bits)}-bit {kind} samples{planes}, "
        f"compression {int(tag(_COMPRESSION, 1))}"
    )


def _first(value: Any) -> int:
    """Returns the number in a tag, or the first of several."""
    return int(value[0] if isinstance(value, tuple) else value)
