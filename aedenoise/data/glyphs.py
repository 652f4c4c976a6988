"""Letters cut from fonts as notMNIST was cut (Bulatov 2011), and the command that packs them.

python -m aedenoise.data.glyphs --fonts_dir=DIR --out=letters.npz

How the original is cut was measured on its images: the tight bounding box of a glyph's ink is
stretched, each axis on its own, to fill the square; white on black, anti-aliased, most likely by
Lanczos.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from aedenoise.data.fonts import SUFFIXES, Font, UnusableFontError, read_font
from aedenoise.errors import AedenoiseError, DataError, UsageError, report

LETTERS = "ABCDEFGHIJ"
SIZE = 28
RENDER_PIXELS = 320
INK = 192
# No glyph at this size is larger; a font that asks for more is broken or hostile.
MAX_CANVAS = 4096


def render_glyph(font: Path, letter: str, size: int = SIZE) -> np.ndarray:
    """One letter of a font, filling the image.

    Args:
      font: an OTF, TTF or WOFF2 file.
      letter: one character.
      size: side of the image in pixels.

    Returns:
      uint8 ``[size, size]``, 0 for ground and 255 for ink; ink reaches all four sides, up to
      the softness of the reduced edge.

    Raises:
      UnusableFontError: if the font cannot be drawn or the glyph has no ink.
    """
    return _render(_open(font), letter, size)


def render_font(font: Path, letters: str = LETTERS, size: int = SIZE) -> np.ndarray:
    """All ``letters`` of a font: uint8 ``[len(letters), size, size]``.

    Raises:
      UnusableFontError: also if more than two letters look like another one.
    """
    opened = _open(font)
    images = np.stack([_render(opened, letter, size) for letter in letters])
    if len({image.tobytes() for image in images}) < len(letters) - 2:
        raise UnusableFontError("draws several letters alike")
    return images


def _open(font: Path) -> ImageFont.FreeTypeFont:
    try:
        return ImageFont.truetype(str(font), RENDER_PIXELS, layout_engine=ImageFont.Layout.BASIC)
    except (OSError, ValueError) as error:
        raise UnusableFontError(f"cannot be opened ({error})") from error


def _render(font: ImageFont.FreeTypeFont, letter: str, size: int) -> np.ndarray:
    try:
        left, top, right, bottom = (int(x) for x in font.getbbox(letter))
        width, height = right - left + 2, bottom - top + 2
        if not (2 < width <= MAX_CANVAS and 2 < height <= MAX_CANVAS):
            raise UnusableFontError(f"has no ink in {letter}, or a glyph without measure")
        canvas = Image.new("L", (width, height), 0)
        ImageDraw.Draw(canvas).text((1 - left, 1 - top), letter, fill=255, font=font)
    except (OSError, ValueError, MemoryError) as error:
        raise (
            error
            if isinstance(error, UnusableFontError)
            else UnusableFontError(f"cannot draw {letter} ({type(error).__name__})")
        ) from error
    # Ink is what is well covered: a soft fringe must not widen the box, or no edge would be white.
    ink = canvas.point(lambda value: 255 if value >= INK else 0).getbbox()
    if ink is None:
        raise UnusableFontError(f"has no ink in {letter}")
    reduced = canvas.crop(ink).resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(reduced, np.uint8)


def find_fonts(folder: Path) -> list[Path]:
    """All font files below ``folder``, in the order of their names.

    Raises:
      UsageError: if the folder is missing or holds none.
    """
    if not folder.is_dir():
        raise UsageError(f"--fonts_dir {folder} is not a folder")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise UsageError(f"no {', '.join(SUFFIXES)} file below {folder}")
    return found


def read_all(
    paths: Sequence[Path], letters: str, known: dict[str, dict[str, str]]
) -> tuple[list[tuple[Font, np.ndarray]], list[tuple[Path, str]]]:
    """Reads and draws fonts; returns the usable ones with their images, and the others with
    the reason."""
    usable: list[tuple[Font, np.ndarray]] = []
    skipped: list[tuple[Path, str]] = []
    for path in tqdm(paths, unit="font", disable=not sys.stderr.isatty()):
        try:
            usable.append((read_font(path, letters, known), render_font(path, letters)))
        except UnusableFontError as reason:
            skipped.append((path, str(reason)))
    return usable, skipped


def main(argv: Sequence[str] | None = None) -> int:
    """Packs a folder of fonts; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m aedenoise.data.glyphs", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--fonts_dir", type=Path, required=True, help="searched with its folders")
    parser.add_argument("--out", type=Path, required=True, help="the .npz; a .tsv goes beside it")
    parser.add_argument("--letters", default=LETTERS, help=f"default {LETTERS}")
    parser.add_argument("--faces", type=int, default=4, help="faces of a family, at most (4)")
    parser.add_argument("--facts", type=Path, help="a .tsv: folder, licence, family, refuse")
    arguments = parser.parse_args(argv)
    try:
        return _pack(arguments)
    except (AedenoiseError, OSError) as error:
        return report(error, debug=False)


def _pack(arguments: argparse.Namespace) -> int:
    from aedenoise.data.fontpack import build_pack, read_facts, write_pack
    from aedenoise.data.statistics import describe

    if arguments.out.suffix != ".npz":
        raise UsageError(f"--out must end in .npz, not {arguments.out.name!r}")
    if not arguments.letters or len(set(arguments.letters)) != len(arguments.letters):
        raise UsageError("--letters must be different characters")
    if arguments.faces < 1:
        raise UsageError(f"--faces must be at least 1, not {arguments.faces}")
    known = read_facts(arguments.facts) if arguments.facts else {}
    usable, skipped = read_all(find_fonts(arguments.fonts_dir), arguments.letters, known)
    for path, reason in skipped:
        print(f"skipped {path.relative_to(arguments.fonts_dir)}: {reason}")
    if not usable:
        raise DataError(f"none of {len(skipped)} fonts in {arguments.fonts_dir} can be used")
    pack = build_pack(usable, faces_per_family=arguments.faces)
    write_pack(pack, arguments.out, root=arguments.fonts_dir)
    print(f"{len(usable)} fonts usable, {len(skipped)} skipped; {pack.summary()}")
    print(", ".join(f"{name} {value:.4f}" for name, value in describe(pack.image).items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
