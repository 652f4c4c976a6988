"""Pages of text and their scans: type, layout, and the pairs that are written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aedenoise.errors import DataError
from experiments.scans import fonts, layout, pairs, texts
from experiments.scans.__main__ import main
from experiments.scans.blocks import break_lines
from experiments.scans.canvas import Canvas, Type
from experiments.scans.fonts import BUNDLED, Family, group_families

NAMES = ("DejaVuSans", "DejaVuSerif-Italic", "STIXGeneral", "cmr10")
SMALL = {"height": 160, "width": 120}


def make_rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="module")
def families() -> list[Family]:
    return group_families([BUNDLED / f"{name}.ttf" for name in NAMES], held_out=False)


def test_type_has_the_x_height_that_is_asked_for(families: list[Family]) -> None:
    for family in families:
        canvas = Canvas(100, 100)
        canvas.text(20.0, 60.0, "x", Type(family.regular[0].path, 24.0))
        rows = np.flatnonzero((canvas.pixels() < 0.5).any(axis=1))
        assert len(rows) == pytest.approx(24, abs=2)
        assert rows[-1] == pytest.approx(59, abs=1)


def test_lines_are_broken_at_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Type, "width", lambda _, text: float(len(text)))
    words = ["four", "by", "six", "unbreakable", "a", "word"]
    found = break_lines(words, Type(Path("any"), 10.0), (7.0, 8.0))
    assert found == [["four", "by"], ["six", "a"], ["word"]]


def test_words_are_those_that_a_font_can_draw() -> None:
    known = fonts.characters(BUNDLED / "DejaVuSans.ttf")
    for script in ("english", *texts.SCRIPTS):
        words = texts.choose_words(make_rng(), script, 50, known)
        assert all(known.issuperset(word) for word in words)
    assert not texts.choose_words(make_rng(), "greek", 50, frozenset("abc"))
    assert texts.covered_scripts(frozenset("abc")) == ["english"]
    assert {"latin", "greek", "cyrillic"} <= set(texts.covered_scripts(known))


def test_the_text_of_the_test_is_not_in_training() -> None:
    training = " ".join(texts.english())
    words = texts.held_out_words()
    assert len(words) > 4000
    passages = [" ".join(words[i : i + 6]) for i in range(0, len(words) - 6, 6)]
    assert not any(passage in training for passage in passages)


def test_families_of_training_and_test_are_apart() -> None:
    paths = sorted(BUNDLED.glob("*.ttf"))
    names = {family.name for family in group_families(paths, held_out=False)}
    assert {"deja vu sans", "deja vu serif", "stixgeneral"} <= names
    assert not group_families(paths, held_out=True)
    assert not any(name.startswith(fonts.HELD_OUT) for name in names)


def test_a_test_without_its_fonts_names_their_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fonts, "INSTALLED", ())
    with pytest.raises(DataError, match="apt-get install fonts-lato"):
        fonts.find_families(held_out=True)
    assert main(["test", str(tmp_path)]) == 3
    assert "apt-get install" in capsys.readouterr().err


def test_pairs_are_a_function_of_seed_and_number(families: list[Family]) -> None:
    first = pairs.make_pair(0, 1, families, **SMALL)
    again = pairs.make_pair(0, 1, families, **SMALL)
    np.testing.assert_array_equal(first.clean, again.clean)
    np.testing.assert_array_equal(first.noisy, again.noisy)
    for seed, number in ((0, 2), (1, 1)):
        other = pairs.make_pair(seed, number, families, **SMALL)
        assert np.any(other.clean != first.clean)


def test_clean_pages_are_flat_and_a_tenth_is_inverted(families: list[Family]) -> None:
    found = [pairs.make_pair(0, number, families, **SMALL).clean for number in range(60)]
    paper = [int(page[0, 0]) for page in found]
    assert set(paper) <= {0, 255}
    assert 2 <= paper.count(0) <= 13


def test_both_pages_of_a_pair_have_the_same_geometry(families: list[Family]) -> None:
    for number in range(3):
        pair = pairs.make_test_pair(number, families, height=320, width=240)
        clean, noisy = (np.float64(p) - np.float64(p).mean() for p in (pair.clean, pair.noisy))
        shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        matches = [np.sum(clean * np.roll(noisy, shift, axis=(0, 1))) for shift in shifts]
        assert shifts[int(np.argmax(matches))] == (0, 0)


def test_pages_of_the_test_have_their_text(families: list[Family]) -> None:
    page = layout.draw_test_page(make_rng(), families[0])
    assert len(page.text.splitlines()) >= 10
    source = " ".join(texts.held_out_words() * 2)
    body = " ".join(page.text.splitlines()[3:6])
    assert body.split()[2] in source
    ink_rows = np.flatnonzero((page.pixels < 0.5).any(axis=1))
    assert ink_rows[0] > 20
    assert ink_rows[-1] < layout.HEIGHT - 15


def test_the_command_writes_pairs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, families: list[Family]
) -> None:
    monkeypatch.setattr("experiments.scans.__main__.find_families", lambda held_out: families)
    assert main([str(tmp_path / "a"), "--pages=2", "--seed=5"]) == 0
    assert main(["test", str(tmp_path / "b"), "--pages=1"]) == 0
    names = [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*.*"))]
    pages = ["a/clean/000.png", "a/clean/001.png", "a/noisy/000.png", "a/noisy/001.png"]
    assert names == [*pages, "b/clean/000.png", "b/noisy/000.png", "b/text/000.txt"]
    with Image.open(tmp_path / names[0]) as image:
        assert (image.mode, image.size) == ("L", (600, 800))
        expected = pairs.make_pair(5, 0, families).clean
        np.testing.assert_array_equal(np.asarray(image), expected)


def test_a_count_of_no_pages_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--pages=0"]) == 2
    assert "--pages must be at least 1" in capsys.readouterr().err
