"""Character error rates of pages."""

from __future__ import annotations

import functools
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aedenoise.errors import DataError
from experiments import ocr
from experiments.scans import pairs
from experiments.scans.fonts import BUNDLED, group_families


@pytest.mark.parametrize(
    ("text", "other", "distance"),
    [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("", "", 0),
        ("same", "same", 0),
        ("rn", "m", 2),
        ("abcdef", "bcdefg", 2),
    ],
)
def test_edit_distances_by_hand(text: str, other: str, distance: int) -> None:
    assert ocr.edit_distance(text, other) == distance


@given(st.text("abc", max_size=9), st.text("abc", max_size=9))
def test_edit_distance_equals_its_definition(text: str, other: str) -> None:
    @functools.cache
    def defined(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        replaced = defined(i - 1, j - 1) + (text[i - 1] != other[j - 1])
        return min(defined(i - 1, j) + 1, defined(i, j - 1) + 1, replaced)

    assert ocr.edit_distance(text, other) == defined(len(text), len(other))


def test_texts_are_compared_in_plain_characters() -> None:
    read = " \u201cWell!\u201d\n thought  Alice \u2014 \u2018so\u2019\n"
    assert ocr.normalise(read) == "\"Well!\" thought Alice-'so'"
    assert ocr.normalise("a mouse--of") == ocr.normalise("a mouse—of") == "a mouse-of"


def test_the_ratio_has_an_interval_around_it() -> None:
    noisy = np.array([10, 20, 30, 40, 50, 60])
    assert ocr.ratio_interval(noisy // 2, noisy) == pytest.approx((0.5, 0.5, 0.5))
    ratio, low, high = ocr.ratio_interval(np.array([1, 20, 3, 40, 5, 60]), noisy)
    assert ratio == pytest.approx(129 / 210)
    assert low < ratio < high


def test_the_table_has_a_row_for_each_kind() -> None:
    noisy, clean = np.array([10, 30]), np.array([0, 1])
    table = ocr.make_table({"clean": clean, "noisy": noisy}, np.array([100, 100]))
    rows = table.splitlines()
    assert rows[2].startswith("| clean | 0.5 % | 0.5 % | 0.03 [")
    assert rows[3] == "| noisy | 20.0 % | 20.0 % | 1 |"


def test_denoised_pages_are_found_by_either_name(tmp_path: Path) -> None:
    for name in ("000.png", "001-denoised.png"):
        (tmp_path / name).touch()
    assert ocr.find_restored(tmp_path, "000").name == "000.png"
    assert ocr.find_restored(tmp_path, "001").name == "001-denoised.png"
    with pytest.raises(DataError, match="002"):
        ocr.find_restored(tmp_path, "002")


def test_faults_are_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ocr.main([str(tmp_path)]) == 3
    assert "python -m experiments.scans test" in capsys.readouterr().err
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "000.txt").write_text("Alice")
    monkeypatch.setattr(ocr, "PROGRAM", "no-such-program")
    assert ocr.main([str(tmp_path)]) == 3
    assert "apt-get install tesseract-ocr" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which(ocr.PROGRAM) is None, reason=ocr.MISSING)
def test_a_clean_page_is_read_and_a_white_one_is_not(tmp_path: Path) -> None:
    families = group_families([BUNDLED / "DejaVuSerif.ttf"], held_out=False)
    # The table has a noisy row in any case: here it is a page without letters.
    pair = pairs.make_test_pair(0, families, height=220, width=500)
    white = np.full_like(pair.clean, 255)
    pairs.write_pair(tmp_path, 0, pairs.Pair(pair.clean, white, pair.text), with_text=True)
    Image.fromarray(pair.clean).save(tmp_path / "000.png")
    output = tmp_path / "table.md"
    assert ocr.main([str(tmp_path), f"--restored={tmp_path}", f"--output={output}"]) == 0
    rates = re.findall(r"^\| (\w+) \| (\S+) %", output.read_text(encoding="utf-8"), re.MULTILINE)
    found = {kind: float(rate) for kind, rate in rates}
    assert found["noisy"] == 100.0
    assert found["clean"] == found["denoised"] < 5.0
