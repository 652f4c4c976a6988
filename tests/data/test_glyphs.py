"""Letters from real fonts: matplotlib carries DejaVu (text) and Computer Modern (symbols)."""

from __future__ import annotations

import csv
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from aedenoise.data.glyphs.fonts import Font, UnusableFontError, normalize_family, read_font
from aedenoise.data.glyphs.pack import build_pack
from aedenoise.data.glyphs.render import LETTERS, render_font, render_glyph
from aedenoise.data.glyphs.workers import read_fonts
from aedenoise.data.reading import load

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
STIX = FONTS / "STIXGeneral.ttf"
SANS, SERIF = FONTS / "DejaVuSans.ttf", FONTS / "DejaVuSerif-Bold.ttf"
# DejaVu names its licence in prose only.
FACTS = {"ttf": {"licence": "Bitstream-Vera"}}


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("size", [28, 40])
def test_a_letter_fills_the_image(letter: str, size: int) -> None:
    image = render_glyph(SERIF, letter, size)
    assert image.shape == (size, size)
    assert image.dtype == np.uint8
    for edge in (image[0], image[-1], image[:, :2], image[:, -2:]):
        assert edge.max() >= 128  # at the sides the second column, where the stem is narrow


def test_a_sans_i_is_a_white_square_with_soft_sides() -> None:
    letter = render_glyph(SANS, "I")
    assert letter[:, 5:-5].min() > 240
    assert (letter == letter[0]).all()


def test_letters_are_the_letters() -> None:
    letters = dict(zip(LETTERS, render_font(SANS), strict=True))
    assert letters["D"][14, 14] == 0  # a bowl is hollow
    assert letters["H"][13:15].mean() > letters["H"][5:7].mean()  # a bar across the middle
    inner = letters["H"][:, 2:-2] >= 128
    np.testing.assert_array_equal(inner, inner[:, ::-1])


def test_fonts_are_read_and_symbol_fonts_refused() -> None:
    font = read_font(SERIF, LETTERS, FACTS)
    assert (font.family, font.style, font.weight, font.italic) == (
        "deja vu serif",
        "Bold",
        700,
        False,
    )
    assert (font.kind, font.licence) == ("text", "Bitstream-Vera")
    assert read_font(STIX, LETTERS, open_only=True).licence == "OFL-1.1"
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
    assert normalize_family(name) == family


def command(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aedenoise.data.glyphs", *flags], capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_folder_is_packed_byte_for_byte_and_broken_fonts_are_named(tmp_path: Path) -> None:
    fonts = tmp_path / "fonts"
    shutil.copytree(FONTS, fonts / "ttf")
    (fonts / "broken.ttf").write_bytes(SANS.read_bytes()[:5000])
    facts = tmp_path / "facts.tsv"
    facts.write_text("folder\tlicence\tfamily\tkind\trefuse\nttf\tBitstream-Vera\t\t\t\n")
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
    dataset = load(f"npz:{tmp_path / 'a.npz'}", str(tmp_path / "data"))
    assert len(dataset.train.images) + len(dataset.test.images) == len(image)
    assert dataset.label_names == tuple(LETTERS)


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (("--fonts_dir=/nowhere", "--out=a.npz"), 3, "is not a folder"),
        (("--fonts_dir={empty}", "--out=a.npz"), 3, "no .otf"),
        (("--fonts_dir={broken}", "--out=a.npz"), 3, "can be used"),
        (("--fonts_dir={broken}", "--out=a.png"), 2, "must end in .npz"),
        (("--fonts_dir={broken}", "--out=a.npz", "--letters=AA"), 2, "different characters"),
        (("--fonts_dir={broken}", "--out=a.npz", "--facts=/nowhere"), 3, "cannot be read"),
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


@pytest.mark.scorecard(21)
@pytest.mark.slow
def test_thirty_mutated_fonts_and_worse_leave_the_program_standing(tmp_path: Path) -> None:
    """Scorecard 21: a broken or hostile font costs no more than itself."""
    words = np.random.default_rng(0)
    original = np.frombuffer(SERIF.read_bytes(), np.uint8)
    paths = [SANS]
    for i in range(30):
        mutated = original.copy()
        places = words.integers(0, len(mutated), 1 + 40 * i)
        mutated[places] = words.integers(0, 256, len(places), dtype=np.uint8)
        paths.append(tmp_path / f"{i:02}.ttf")
        paths[-1].write_bytes(mutated.tobytes())
    endless = tmp_path / "endless.ttf"
    os.mkfifo(endless)  # whoever opens it waits for ever
    paths.append(endless)
    found = dict(read_fonts(paths, LETTERS, FACTS, processes=2, seconds=5.0))
    assert set(found) == set(paths)
    assert not isinstance(found[SANS], UnusableFontError)
    assert str(found[endless]) == "takes too long"
    unusable = [path for path, read in found.items() if isinstance(read, UnusableFontError)]
    assert len(unusable) > 10


@pytest.mark.scorecard(21)
@pytest.mark.slow
def test_a_font_that_kills_its_worker_is_named(tmp_path: Path) -> None:
    deadly = tmp_path / "deadly.ttf"
    os.mkfifo(deadly)
    reading = read_fonts([deadly, SANS], LETTERS, FACTS, processes=1, seconds=60.0)

    def kill() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:  # succeeds once the worker has the file open
                os.close(os.open(deadly, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:
                time.sleep(0.05)
                continue
            for worker in multiprocessing.active_children():
                os.kill(worker.pid, signal.SIGSEGV)
            return

    killer = threading.Thread(target=kill)
    killer.start()
    found = dict(reading)
    killer.join()
    assert "signal 11" in str(found[deadly]) or "cannot be" in str(found[deadly])
    assert not isinstance(found[SANS], UnusableFontError)


def test_packs_are_balanced_split_by_design_and_without_repetitions() -> None:
    words = np.random.default_rng(1)

    def face(family: str, number: int, kind: str = "text") -> tuple[Font, np.ndarray]:
        path = Path(f"/fonts/{number}.ttf")
        letters = words.integers(0, 256, (3, 8, 8), dtype=np.uint8)
        letters[2] = 255  # one letter looks the same in every font
        return Font(path, family, "", 400 + number, False, 5, kind, "OFL-1.1", str(number)), letters

    fonts = [face(f"family{i} sans", i) for i in range(40)]
    fonts += [face("family3 serif", 100), face("family3 slab", 101)]
    fonts += [face(f"star {i}", 200 + i, "display") for i in range(5)]
    fonts.append(fonts[0])
    pack = build_pack(fonts, faces_per_family=4, display_faces=1)
    groups = {row["family"]: row["group"] for row in pack.manifest}
    assert groups["family3 serif"] == groups["family3 slab"] == groups["family3 sans"]
    assert sum(row["kind"] == "display" for row in pack.manifest) == 1
    assert np.bincount(pack.label).tolist() == [43, 43, 1]
    sides = {
        split: {r["group"] for r in pack.manifest if r["split"] == split}
        for split in ("train", "test")
    }
    assert not sides["train"] & sides["test"]
    balanced = build_pack(fonts, faces_per_family=4, display_faces=1, balance=True)
    assert np.bincount(balanced.label).tolist() == [1, 1, 1]
