"""Builds a dataset of letters from a folder of fonts.

python -m aedenoise.data.glyphs --fonts_dir=DIR --out=letters.npz
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from aedenoise.data.glyphs.fonts import SUFFIXES, UnusableFontError
from aedenoise.data.glyphs.pack import build_pack, read_facts, write_pack
from aedenoise.data.glyphs.render import LETTERS, SIZE
from aedenoise.data.glyphs.workers import Facts, Read, read_fonts
from aedenoise.data.statistics import describe
from aedenoise.errors import DataError, UsageError, report


def find_fonts(folder: Path) -> list[Path]:
    """Lists all font files below ``folder``, sorted by path.

    Raises:
      DataError: if the folder is missing or has no font.
    """
    if not folder.is_dir():
        raise DataError(f"--fonts_dir {folder} is not a folder")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise DataError(f"no {', '.join(SUFFIXES)} file below {folder}")
    return found


def read_all(
    paths: Sequence[Path],
    letters: str,
    known: Facts,
    *,
    size: int = SIZE,
    open_only: bool = False,
) -> tuple[list[Read], list[tuple[Path, str]]]:
    """Reads and renders fonts; returns usable ones with their images, and the others with the
    reason, both in the order of ``paths``."""
    hidden = not sys.stderr.isatty()
    reading = read_fonts(paths, letters, known, size=size, open_only=open_only)
    found = dict(tqdm(reading, total=len(paths), unit="font", disable=hidden))
    usable = [found[path] for path in paths]
    return (
        [read for read in usable if not isinstance(read, UnusableFontError)],
        [
            (path, str(read))
            for path, read in zip(paths, usable, strict=True)
            if isinstance(read, UnusableFontError)
        ],
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Packs a folder of fonts; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m aedenoise.data.glyphs", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--fonts_dir", type=Path, required=True, help="folder of fonts")
    parser.add_argument("--out", type=Path, required=True, help="output .npz; the manifest is .tsv")
    parser.add_argument("--letters", default=LETTERS, help=f"characters ({LETTERS})")
    parser.add_argument("--faces", type=int, default=4, help="maximum faces per family (4)")
    parser.add_argument(
        "--display_faces", type=int, help="maximum faces per display design (as --faces)"
    )
    parser.add_argument("--size", type=int, default=SIZE, help=f"side in pixels ({SIZE})")
    parser.add_argument(
        "--balance", action="store_true", help="equal number of images for each letter"
    )
    parser.add_argument("--facts", type=Path, help="a .tsv: folder, licence, family, kind, refuse")
    parser.add_argument(
        "--open_only", action="store_true", help="only fonts that state an open licence"
    )
    parser.add_argument("--debug", action="store_true", help="traceback of errors")
    arguments = parser.parse_args(argv)
    try:
        return _pack(arguments)
    except (Exception, KeyboardInterrupt) as error:
        return report(error, debug=arguments.debug)


def _pack(arguments: argparse.Namespace) -> int:
    letters, folder = arguments.letters, arguments.fonts_dir
    if arguments.out.suffix != ".npz":
        raise UsageError(f"--out must end in .npz, not {arguments.out.name!r}")
    if not letters or len(set(letters)) != len(letters):
        raise UsageError("--letters must be different characters")
    for name in ("faces", "display_faces"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name} must be at least 1, not {value}")
    if not 8 <= arguments.size <= 512:
        raise UsageError(f"--size must be from 8 to 512, not {arguments.size}")
    known = read_facts(arguments.facts) if arguments.facts else {}
    usable, skipped = read_all(
        find_fonts(folder), letters, known, size=arguments.size, open_only=arguments.open_only
    )
    for path, reason in skipped:
        print(f"skipped {path.relative_to(folder)}: {reason}")
    if not usable:
        raise DataError(f"none of {len(skipped)} fonts in {folder} can be used")
    pack = build_pack(
        usable,
        faces_per_family=arguments.faces,
        display_faces=arguments.display_faces,
        balance=arguments.balance,
    )
    write_pack(pack, arguments.out, root=folder, letters=letters)
    print(f"{len(usable)} fonts usable, {len(skipped)} skipped; {pack.summary()}")
    print(", ".join(f"{name} {value:.4f}" for name, value in describe(pack.image).items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
