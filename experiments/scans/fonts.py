"""Families of open fonts on this machine, split into those of training and those of the test.

Matplotlib's are always there. Of Debian the following packages are found where they are installed:
fonts-liberation fonts-linuxlibertine fonts-gfs-didot fonts-noto-core fonts-sil-gentium
fonts-junicode fonts-vollkorn fonts-open-sans fonts-roboto-unhinted fonts-firacode
fonts-urw-base35 for training; for the test fonts-crosextra-caladea fonts-crosextra-carlito
fonts-sil-charis fonts-courier-prime fonts-ebgaramond fonts-lato fonts-paratype.
"""

from __future__ import annotations

import functools
import string
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from fontTools.ttLib import TTFont
from PIL import ImageFont

from aedenoise.data.glyphs.__main__ import find_fonts
from aedenoise.data.glyphs.fonts import Font, UnusableFontError, read_font
from aedenoise.errors import DataError

BUNDLED = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
INSTALLED = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
# Starts of family names. Carlito is drawn after Lato, so one of them cannot be in training.
HELD_OUT = (
    "caladea",
    "carlito",
    "charis",
    "courier prime",
    "eb garamond",
    "lato",
    "pt serif",
    "pt sans",
)
TEST_PACKAGES = "fonts-lato fonts-ebgaramond fonts-sil-charis fonts-paratype"
# Folders of fonts whose files do not state their licence, which Debian's packages do.
_STATED = {
    "ttf": {"licence": "BaKoMa"},
    "liberation": {"licence": "OFL-1.1"},
    "paratype": {"licence": "OFL-1.1"},
    "urw-base35": {"licence": "AGPL-3.0-or-later"},
}
_NEEDED = string.ascii_letters + string.digits + ".,"
_REGULAR = range(350, 451)
_MEASURED_SIZE = 200


@dataclass(frozen=True)
class Family:
    """Faces of one design; ``regular`` are those of text weight, upright and not condensed."""

    name: str
    faces: tuple[Font, ...]

    @property
    def regular(self) -> tuple[Font, ...]:
        return tuple(f for f in self.faces if f.weight in _REGULAR and not f.italic) or self.faces

    def choose(self, rng: np.random.Generator, *, plain: float) -> Font:
        """Returns a regular face with probability ``plain``, else any face."""
        faces = self.regular if rng.random() < plain else self.faces
        return faces[int(rng.integers(len(faces)))]


def find_families(*, held_out: bool) -> list[Family]:
    """Returns the families of training, or the held-out ones, sorted by name.

    Raises:
      DataError: if no font of the split is installed.
    """
    folders = [BUNDLED, *(folder for folder in INSTALLED if folder.is_dir())]
    paths = [path for folder in folders for path in _fonts_below(folder)]
    families = group_families(paths, held_out=held_out)
    if not families:
        raise DataError(f"no held-out font is installed; apt-get install {TEST_PACKAGES}")
    return families


def group_families(paths: Sequence[Path], *, held_out: bool) -> list[Family]:
    """Groups usable text fonts of one split by family; fonts of no open licence are left out."""
    found: dict[str, list[Font]] = defaultdict(list)
    for path in paths:
        try:
            font = read_font(path, _NEEDED, _STATED, open_only=True)
        except UnusableFontError:
            continue
        # Variants of one design are one family, so that none fills a large part of the test.
        start = next((name for name in HELD_OUT if font.family.startswith(name)), None)
        if font.kind == "text" and (start is not None) == held_out:
            found[start or font.family].append(font)
    return [Family(name, tuple(faces)) for name, faces in sorted(found.items())]


@functools.cache
def characters(path: Path) -> frozenset[str]:
    """Returns the characters that a font can draw."""
    with TTFont(path, lazy=True, fontNumber=0) as font:
        return frozenset(map(chr, font.getBestCmap()))


@functools.lru_cache(maxsize=64)
def open_font(path: Path, x_height: float) -> ImageFont.FreeTypeFont:
    """Opens a font at the size at which its letter x is ``x_height`` pixels high."""
    size = _MEASURED_SIZE * x_height / _measured_x_height(path)
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


@functools.cache
def _measured_x_height(path: Path) -> float:
    font = ImageFont.truetype(str(path), _MEASURED_SIZE, layout_engine=ImageFont.Layout.BASIC)
    _, top, _, bottom = font.getbbox("x", anchor="ls")
    return max(float(bottom - top), 1.0)


def _fonts_below(folder: Path) -> list[Path]:
    try:
        return find_fonts(folder)
    except DataError:  # a folder without fonts
        return []
