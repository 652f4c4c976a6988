"""Letters from real fonts: matplotlib carries DejaVu (text) and Computer Modern (symbols)."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from aedenoise.data.fonts import UnusableFontError, family_of, read_font
from aedenoise.data.glyphs import LETTERS, render_font, render_glyph

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
SANS, SERIF = FONTS / "DejaVuSans.ttf", FONTS / "DejaVuSerif-Bold.ttf"
# DejaVu names its licence in prose only.
FACTS = {"ttf": {"licence": "Bitstream-Vera"}}


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("size", [28, 40])
def test_a_letter_fills_the_image(letter: str, size: int) -> None:
    image = render_glyph(SERIF, letter, size)
    assert image.shape == (size, size)
    assert image.dtype == np.uint8
    for edge in (image[0], image[-1], image[:, 0], image[:, -1]):
        assert edge.max() >= 128


def test_a_sans_i_is_a_white_square() -> None:
    assert render_glyph(SANS, "I").min() > 240


def test_letters_are_the_letters() -> None:
    letters = dict(zip(LETTERS, render_font(SANS), strict=True))
    assert letters["D"][14, 14] == 0  # a bowl is hollow
    assert letters["H"][13:15].mean() > letters["H"][5:7].mean()  # a bar across the middle
    np.testing.assert_array_equal(letters["H"] >= 128, letters["H"][:, ::-1] >= 128)


def test_fonts_are_read_and_symbol_fonts_refused() -> None:
    font = read_font(SERIF, LETTERS, FACTS)
    assert (font.family, font.style, font.weight, font.italic) == (
        "deja vu serif",
        "Bold",
        700,
        False,
    )
    with pytest.raises(UnusableFontError, match="symbol"):
        read_font(FONTS / "cmex10.ttf", LETTERS, FACTS)
    with pytest.raises(UnusableFontError, match="has no"):
        read_font(SANS, "A\N{CJK UNIFIED IDEOGRAPH-4E00}", FACTS)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("IBM Plex Sans Condensed SemiBold", "ibm plex sans"),
        ("LibreCaslonText-Italic", "libre caslon"),
        ("Fetamont Bold 10pt", "fetamont"),
        ("Light", "light"),
    ],
)
def test_families_leave_style_out(name: str, family: str) -> None:
    assert family_of(name) == family


def command(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aedenoise.data.glyphs", *flags], capture_output=True, text=True
    )


def test_a_folder_is_packed_byte_for_byte_and_broken_fonts_are_named(tmp_path: Path) -> None:
    fonts = tmp_path / "fonts"
    shutil.copytree(FONTS, fonts / "ttf")
    (fonts / "broken.ttf").write_bytes(SANS.read_bytes()[:5000])
    facts = tmp_path / "facts.tsv"
    facts.write_text("folder\tlicence\tfamily\trefuse\nttf\tBitstream-Vera\t\t\n")
    outputs = []
    for name in ("a.npz", "b.npz"):
        done = command(f"--fonts_dir={fonts}", f"--facts={facts}", f"--out={tmp_path / name}")
        assert done.returncode == 0, done.stderr
        outputs.append((tmp_path / name).read_bytes())
    assert outputs[0] == outputs[1]
    assert "skipped broken.ttf: cannot be read" in done.stdout
    with np.load(tmp_path / "a.npz", allow_pickle=False) as pack:
        image, label, font = pack["image"], pack["label"], pack["font"]
    with open(tmp_path / "a.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len({picture.tobytes() for picture in image}) == len(image) > 50
    assert set(label.tolist()) == set(range(10))
    assert set(font.tolist()) == set(range(len(rows)))
    assert {row["file"].split("/")[0] for row in rows} == {"ttf"}


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (("--fonts_dir=/nowhere", "--out=a.npz"), 2, "is not a folder"),
        (("--fonts_dir={empty}", "--out=a.npz"), 2, "no .otf"),
        (("--fonts_dir={broken}", "--out=a.npz"), 3, "can be used"),
        (("--fonts_dir={broken}", "--out=a.png"), 2, "must end in .npz"),
        (("--fonts_dir={broken}", "--out=a.npz", "--letters=AA"), 2, "different characters"),
        (("--fonts_dir={broken}", "--out=a.npz", "--facts=/nowhere"), 2, "cannot be read"),
    ],
)
def test_wrong_input_is_one_line(
    tmp_path: Path, flags: tuple[str, ...], code: int, words: str
) -> None:
    places = {"empty": tmp_path / "empty", "broken": tmp_path / "broken"}
    for place in places.values():
        place.mkdir()
    (places["broken"] / "x.ttf").write_bytes(b"\0\1\0\0nonsense")
    done = command(*(flag.format(**places) for flag in flags))
    assert done.returncode == code
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.rglob("*.npz"))
