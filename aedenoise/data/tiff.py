"""Facts from the tags of a TIFF: significant bits, and what Pillow cannot read."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

_WIDTH, _BITS, _COMPRESSION, _SAMPLES = 256, 258, 259, 277
_MOST, _PLANES, _FORMAT, _SIGNED_MOST = 281, 284, 339, 341
_HEADERS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SIGNED, _SEPARATE = 2, 2
_FORMATS = {1: "unsigned", 2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}


def significant_bits(image: Image.Image) -> int | None:
    """Returns the bits of the largest value that the tags of a grey TIFF allow, or None."""
    tags: Any = getattr(image, "tag_v2", None)
    if tags is None:
        return None
    with suppress(KeyError, TypeError, ValueError, IndexError):
        bits = int(tags.get(_BITS, (1,))[0])
        # A sign takes one bit of the container.
        bits -= int(tags.get(_FORMAT, (1,))[0] == _SIGNED)
        for tag in (_MOST, _SIGNED_MOST):
            if tag in tags:
                most = tags[tag]
                bits = min(bits, int(max(most) if isinstance(most, tuple) else most).bit_length())
        return bits if bits > 0 else None
    return None


def describe_kind(source: Path | io.BytesIO) -> str | None:
    """Describes how the first picture of a TIFF is stored; returns None for any other file.

    For files that Pillow does not open: it reads the table of tags, and no pixels.
    """
    # The file is not trusted, and failed once already.
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(source, io.BytesIO):
            return _described(source)
        with source.open("rb") as file:
            return _described(file)
    return None


def _described(file: Any) -> str | None:
    file.seek(0)
    header = file.read(8)
    if header[:4] not in _HEADERS:
        return None
    if header[2:3] == b"+" or header[3:4] == b"+":
        header += file.read(8)
    tags = ImageFileDirectory_v2(header)
    file.seek(tags.next)
    tags.load(file)
    if _WIDTH not in tags:
        return None
    bits = tags.get(_BITS, (1,))
    kind = _FORMATS.get(tags.get(_FORMAT, (1,))[0], "unknown")
    planes = " in separate planes" if tags.get(_PLANES, 1) == _SEPARATE else ""
    return (
        f"a TIFF with {tags.get(_SAMPLES, len(bits))} x {bits[0]}-bit {kind} samples{planes}, "
        f"compression {tags.get(_COMPRESSION, 1)}"
    )
