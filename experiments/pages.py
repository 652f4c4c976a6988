"""Draws pages of type, clean and noisy, as stand-ins for scans; scores a network on the noisy ones.

python -m experiments.pages scans
python -m aedenoise.main --dataset=folder:scans/clean --workdir=runs/scans
python -m experiments.pages scans --score=runs/scans

The text is this package's licence, the fonts are those of Matplotlib, all but one for the clean
pages; the noisy ones are set in the last, so no network has seen their type. Noise is Gaussian.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from aedenoise.data.picture_writing import encode_picture
from aedenoise.data.pictures import read_picture
from aedenoise.data.pixels import Picture
from aedenoise.files import write_atomically

TEXT = Path(__file__).parent.parent / "LICENSE"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FAMILIES = ("DejaVuSans", "DejaVuSansMono", "DejaVuSerif", "STIXGeneral", "cmr10")
WIDTH, HEIGHT, MARGIN, LEADING = 600, 800, 30, 1.35
SIZES = (16, 18, 20, 24, 28, 32)
PAGES = 24
# Of the noisy pages: size of the type in pixels, level of the noise.
NOISY = tuple((size, level) for size in (18, 24, 32) for level in (0.1, 0.2, 0.3))


def draw_page(family: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns one page, dark on light, float32 ``[HEIGHT, WIDTH, 1]`` in [0, 1].

    Args:
      family: name of a font file of Matplotlib, without its ending.
      size: size of the type in pixels.
      rng: chooses where in the text each line begins.
    """
    words = TEXT.read_text(encoding="utf-8").split()
    font = ImageFont.truetype(str(FONTS / f"{family}.ttf"), size)
    page = Image.new("L", (WIDTH, HEIGHT), 255)
    pen = ImageDraw.Draw(page)
    for y in np.arange(MARGIN, HEIGHT - MARGIN - size, LEADING * size):
        start = int(rng.integers(len(words)))
        line = " ".join(words[start : start + 30])
        while pen.textlength(line, font=font) > WIDTH - 2 * MARGIN:
            line = line.rpartition(" ")[0]
        pen.text((MARGIN, y), line, font=font, fill=0)
    return np.asarray(page, np.float32)[..., None] / 255.0


def draw(folder: Path) -> None:
    """Writes ``clean/``, ``noisy/``, and the clean originals of the noisy pages, ``truth/``."""
    rng = np.random.default_rng(0)
    for number in range(PAGES):
        page = draw_page(FAMILIES[number % (len(FAMILIES) - 1)], int(rng.choice(SIZES)), rng)
        _save(folder / "clean" / f"{number:02d}.png", page)
    for size, level in NOISY:
        name = f"{size}px-{level}.png"
        page = draw_page(FAMILIES[-1], size, rng)
        _save(folder / "truth" / name, page)
        noise = level * rng.standard_normal(page.shape)
        _save(folder / "noisy" / name, np.clip(page + noise, 0.0, 1.0).astype(np.float32))


def score(folder: Path, workdir: Path | None) -> str:
    """Returns a table in Markdown: PSNR in dB of the noisy pages, and of a network's results."""
    import aedenoise

    denoise = aedenoise.load(workdir)
    lines = ["| type, pixels | noise | noisy | denoised |", "| --- | --- | --- | --- |"]
    for size, level in NOISY:
        name = f"{size}px-{level}.png"
        clean, noisy = (read_picture(folder / kind / name).pixels for kind in ("truth", "noisy"))
        # Trained on dark type, a network takes it as it is; the packed one knows light type.
        result = denoise(noisy[None])[0] if workdir else 1.0 - denoise(1.0 - noisy[None])[0]
        lines.append(
            f"| {size} | {level} | {_psnr(noisy, clean):.1f} | {_psnr(result, clean):.1f} |"
        )
    return "\n".join(lines)


def _psnr(image: np.ndarray, reference: np.ndarray) -> float:
    return float(-10.0 * np.log10(np.mean(np.square(image - reference))))


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, encode_picture(Picture(pixels), ".png"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="draw pages of type, or score a network on them")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--score", help="workdir of a network, or 'packed'")
    given = parser.parse_args()
    if given.score is None:
        draw(given.folder)
        print(f"{PAGES} clean and {len(NOISY)} noisy pages are in {given.folder}")
    else:
        print(score(given.folder, None if given.score == "packed" else Path(given.score)))
