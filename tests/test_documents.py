"""The README keeps its word: every flag is in its table, every file it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT

from aedenoise.cli.dispatch import DEFINED
from aedenoise.config import Experiment

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def headings(file: Path) -> set[str]:
    """The anchors of a page's headings."""
    titles = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_flag_is_in_the_table_with_its_default() -> None:
    table = [line for line in README.splitlines() if line.startswith("| `--")]
    named = {name for line in table for name in re.findall(r"`--(\w+)`", line.split("|")[1])}
    assert named == {flag.name for flag in DEFINED}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_linked_file_and_heading_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http:", "https:")):
            continue
        name, _, heading = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if heading:
            assert heading in headings(file), target


def test_the_default_learning_rate_is_the_one_stated() -> None:
    assert re.search(r"`--learning_rate`.*\| (\S+), `cosine`", README)[1] == str(
        Experiment().optimizer.learning_rate
    )
