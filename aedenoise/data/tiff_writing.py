"""Writing of TIFF by tifffile: several pages, 8 and 16 bits, floats, alpha, profile and EXIF."""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterable
from typing import IO, Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from aedenoise.data.pixels import Picture, opaque
from aedenoise.data.tiff import quiet_logs

# Bytes of pixels from which offsets may need more than the 32 bits of a plain TIFF.
_PLAIN = 2**32 - 2**27
_NAME = "pages.tif"
_EXIF_HEAD, _TIFF_HEAD = b"Exif\0\0", b"II*\0\x08\0\0\0"
_RESOLUTION = (282, 283, 296)
# Tags with parts of EXIF data: camera and place, the former with a part of its own.
_PARTS, _INTEROP = (34665, 34853), 40965
# Types of tags: 32-bit integers; fractions without and with a sign.
_LONG, _RATIONALS = 4, (5, 10)


def write_tiff(file: IO[bytes], pictures: Iterable[Picture], count: int = 1) -> None:
    """Writes pictures as the pages of a TIFF, one in memory at a time.

    Args:
      file: file open for writing, at its start.
      pictures: the pages.
      count: their number.
    """
    from tifffile import FileHandle, TiffWriter  # imported late: few commands need it

    pages = iter(pictures)
    first = next(pages)
    large = count * tiff_values(first).nbytes > _PLAIN
    # Named here: a temporary file has a number for a name, which tifffile does not take.
    handle = FileHandle(file, name=_NAME, offset=0, size=0)
    with quiet_logs(), TiffWriter(handle, bigtiff=large, byteorder="<") as writer:
        for picture in itertools.chain([first], pages):
            values = tiff_values(picture)
            colour = picture.pixels.shape[-1] == 3
            options: dict[str, Any] = {}
            if picture.alpha is not None:
                options["extrasamples"] = ["unassalpha"]
            if picture.dpi is not None:
                options.update(resolution=picture.dpi, resolutionunit="inch")
            writer.write(
                values[..., 0] if values.shape[-1] == 1 else values,
                photometric="rgb" if colour else "minisblack",
                planarconfig="contig" if values.shape[-1] > 1 else None,
                compression="zlib",
                iccprofile=picture.profile,
                # Descriptions are those of the source; tifffile would add its own.
                metadata=None,
                software=False,
                extratags=[] if large else _tags(file, picture.exif),
                **options,
            )
    _name_parts(file)


def tiff_values(picture: Picture) -> np.ndarray:
    """Returns a picture ``[H, W, C]`` with its alpha as the numbers of a file."""
    kind: type[np.generic]
    alpha: np.ndarray | None = None
    if picture.floats is not None:
        black, most = picture.floats
        # In double precision: counts of a detector have more digits than a float32.
        pixels = picture.pixels.astype(np.float64)
        values = (black + pixels * (most - black)).astype(np.float32)
        if picture.alpha is not None:
            alpha = _share(picture.alpha).astype(np.float32)
    else:
        kind, white = (np.uint16, 2**picture.bits - 1) if picture.bits > 8 else (np.uint8, 255)
        values = np.round(np.clip(picture.pixels, 0.0, 1.0) * np.float32(white)).astype(kind)
        if picture.alpha is not None:
            alpha = alpha_as(picture.alpha, kind)
    return values if alpha is None else np.concatenate([values, alpha[..., None]], axis=-1)


def alpha_as(alpha: np.ndarray, kind: type[np.generic]) -> np.ndarray:
    """Converts opacity between 8 and 16 bits."""
    if alpha.dtype == kind:
        return alpha
    return np.round(_share(alpha) * opaque(np.dtype(kind))).astype(kind)


def _share(alpha: np.ndarray) -> np.ndarray:
    share: np.ndarray = alpha / np.float64(opaque(alpha.dtype))
    return share


def _tags(file: IO[bytes], exif: bytes | None) -> list[tuple[int, int, int, Any, bool]]:
    """Returns EXIF data as tags of a page; its parts are written to the file, before the page."""
    if exif is None:
        return []
    content = exif.removeprefix(_EXIF_HEAD)
    data = Image.Exif()
    data.load(exif)
    found = ImageFileDirectory_v2(content[:8])
    source = io.BytesIO(content)
    source.seek(found.next)
    found.load(source)
    tags = []
    for tag, value in found.items():
        if tag in _PARTS:
            place = _write_part(file, data, tag)
            tags.append((_stand_in(tag), _LONG, 1, place, True))
        elif tag not in _RESOLUTION:
            tags.append((tag, *_typed(found.tagtype[tag], value), True))
    return tags


def _write_part(file: IO[bytes], exif: Image.Exif, tag: int) -> int:
    """Writes a part of EXIF data at the end of a file and returns its place."""
    part = ImageFileDirectory_v2(_TIFF_HEAD, group=tag)
    for inner, value in exif.get_ifd(tag).items():
        part[inner] = dict(exif.get_ifd(inner)) if inner == _INTEROP else value
    place = file.seek(0, io.SEEK_END)
    file.write(b"\0" * (place % 2))  # parts begin at even places
    place += place % 2
    file.write(part.tobytes(place))
    return place


def _typed(kind: int, value: Any) -> tuple[int, int, Any]:
    """Returns type, count and value of a tag as tifffile takes them."""
    if isinstance(value, str):
        return kind, 0, value.encode()
    if isinstance(value, bytes):
        return kind, len(value), value
    values = value if isinstance(value, tuple) else (value,)
    if kind in _RATIONALS:
        pairs = [IFDRational(each) for each in values]
        flat = [int(side) for each in pairs for side in (each.numerator, each.denominator)]
        return kind, len(values), flat
    return kind, len(values), value


def _stand_in(tag: int) -> int:
    # tifffile writes no tag with the place of a part. A neighbour's number keeps the order.
    return tag - 1


def _name_parts(file: IO[bytes]) -> None:
    """Gives the stand-ins of EXIF parts their own numbers."""
    from tifffile import FileHandle, TiffFile

    with TiffFile(FileHandle(file, name=_NAME, offset=0)) as written:
        pages: Iterable[Any] = written.pages
        places = [
            (page.tags[_stand_in(tag)].offset, tag)
            for page in pages
            for tag in _PARTS
            if _stand_in(tag) in page.tags
        ]
    for place, tag in places:
        file.seek(place)
        file.write(struct.pack("<H", tag))
