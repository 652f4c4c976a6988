"""Gathers photographs of known licences, on which the packed network for photographs is trained.

apt-get download lomiri-wallpapers-16.04 lomiri-wallpapers-20.04 mate-backgrounds \
    plasma-workspace-wallpapers gnome-backgrounds ukui-wallpapers
for package in *.deb; do dpkg -x $package wallpapers; done
python -m experiments.photographs photographs --root=wallpapers

The packages are Debian's; each has the licences of its pictures in usr/share/doc/*/copyright.
Pictures are halved at least, which removes the traces of their JPEG files, and written at two sizes
to ``train`` and ``test``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from aedenoise.errors import AedenoiseError, DataError

# Longest sides in pixels.
SIDES = (1536, 640)
# One photograph in so many is for testing.
TEST_EVERY = 10
# A few drawings are among them, for sharp edges and flat areas.
PATTERNS = (
    "share/backgrounds/*_by_*.jpg",
    "share/backgrounds/mate/nature/*.jpg",
    "share/backgrounds/gnome/licorice-l.webp",
    "share/backgrounds/firstgeneration.jpg",
    *(
        f"share/wallpapers/{name}/contents/images/2560x1600.jpg"
        for name in (
            "Autumn",
            "BytheWater",
            "ColdRipple",
            "ColorfulCups",
            "EveningGlow",
            "FallenLeaf",
            "Grey",
            "Kite",
            "OneStandsOut",
            "Path",
            "summer_1am",
        )
    ),
    "share/wallpapers/Volna/contents/images/5120x2880.jpg",
    "share/wallpapers/Canopee/contents/images/3840x2160.png",
)
# Gradients without detail.
LEFT_OUT = ("umang_", "Fossa_", "Painting-Colors_", "analogpattern_")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.photographs")
    parser.add_argument("folder", type=Path, help="where the photographs are written")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where packages are unpacked")
    parser.add_argument("--grey", action="store_true", help="write grey pictures")
    arguments = parser.parse_args()
    found = list(_find(arguments.root / "usr"))
    if not found:
        raise DataError(f"no photographs are below {arguments.root}/usr; unpack the packages there")
    for number, path in enumerate(found):
        split = "test" if number % TEST_EVERY == 0 else "train"
        (arguments.folder / split).mkdir(parents=True, exist_ok=True)
        for side in SIDES:
            picture = _shrunk(path, side).convert("L" if arguments.grey else "RGB")
            picture.save(arguments.folder / split / f"{number:02d}-{side}.png")
    print(f"{len(found)} photographs are in {arguments.folder}")


def _find(root: Path) -> Iterator[Path]:
    for pattern in PATTERNS:
        for path in sorted(root.glob(pattern)):
            if not path.name.startswith(LEFT_OUT):
                yield path


def _shrunk(path: Path, side: int) -> Image.Image:
    picture = Image.open(path)
    factor = side / max(picture.size)
    if factor > 0.5:  # halved at least
        factor = 0.5
    width, height = (round(length * factor) for length in picture.size)
    return picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    try:
        main()
    except AedenoiseError as error:
        raise SystemExit(f"photographs: {error}") from None
