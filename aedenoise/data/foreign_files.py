"""Files that are no pictures to read: hidden ones, and formats of cameras and phones."""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from PIL import Image

from aedenoise.data.images import FORMATS, MAX_PIXELS, UnreadableImageError, refusals
from aedenoise.data.tiff import is_undeveloped

# Raw files of cameras. Many are a TIFF whose first picture is a small preview.
_RAW = frozenset(
    (
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq"),
        *(".k25", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2"),
        *(".rwl", ".sr2", ".srf", ".srw", ".x3f"),
    )
)
# Pictures of phones.
_COMPRESSED = {".heic": "HEIC", ".heif": "HEIF", ".hif": "HEIF", ".avif": "AVIF", ".jxl": "JPEG XL"}
FOREIGN_SUFFIXES = _RAW | _COMPRESSED.keys()
# Brands of ISO base media files (ISO/IEC 14496-12), after the word ``ftyp``.
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"crx ": ""}
_BRANDS |= dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1", b"heim"), "HEIF")
# Folders of systems and archivers, which hold thumbnails and fragments.
_SYSTEM = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information"})
_SHOWN = 3


class ForeignImageError(UnreadableImageError):
    """Picture in a format of cameras or phones, which this package does not read."""


def is_hidden(name: str) -> bool:
    """Returns True for a file or folder that belongs to a system, such as ``._a.png`` of macOS."""
    return name.startswith(".") or name.lower() in _SYSTEM


def check_not_foreign(source: Path | bytes) -> None:
    """Checks that a file is in no format of cameras and phones. A JPEG that is named ``.heic``, as
    some phones do, is a JPEG.

    Raises:
      ForeignImageError: if it is; the text is a predicate with a remedy.
    """
    suffix = source.suffix.lower() if isinstance(source, Path) else ""
    kind = _BRANDS.get(_brand(source))
    if kind is None and not is_undeveloped(source):
        if suffix not in FOREIGN_SUFFIXES or _is_readable(source):
            return
        kind = _COMPRESSED.get(suffix, "")
    if kind:
        raise ForeignImageError(f"is {kind}, which cannot be read; convert it to PNG or JPEG first")
    raise ForeignImageError(
        "is a camera's raw file, which cannot be read; develop it to TIFF, PNG or JPEG first"
    )


def is_foreign(path: Path) -> bool:
    """Returns True for a file that is named like one of a camera or phone, and is one."""
    if path.suffix.lower() not in FOREIGN_SUFFIXES:
        return False
    try:
        check_not_foreign(path)
    except ForeignImageError:
        return True
    return False


def describe_foreign(names: Iterable[str]) -> str:
    """Returns a line that counts files in formats of cameras and phones, and names the first."""
    listed = list(names)
    some = ", ".join(listed[:_SHOWN]) + (", …" if len(listed) > _SHOWN else "")
    s, are = ("s", "are") if len(listed) > 1 else ("", "is")
    return (
        f"{len(listed):,} file{s} of cameras or phones cannot be read and {are} skipped ({some}): "
        "develop or convert to TIFF, PNG or JPEG first"
    )


def _brand(source: Path | bytes) -> bytes:
    with suppress(OSError):
        if isinstance(source, bytes):
            head = source[:12]
        else:
            with source.open("rb") as file:
                head = file.read(12)
        return head[8:] if head[4:8] == b"ftyp" else b""
    return b""


def _is_readable(source: Path | bytes) -> bool:
    """Returns True for a picture of a known format, apart from TIFF, under a name of another."""
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with (
        suppress(UnreadableImageError),
        refusals(file, MAX_PIXELS),
        Image.open(file, formats=FORMATS) as opened,
    ):
        return opened.format != "TIFF"
    return False
