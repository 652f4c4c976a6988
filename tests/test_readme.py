"""The README keeps its word: every flag is in its table, every file it names is there."""

from __future__ import annotations

import re

from conftest import ROOT

from aedenoise.experiment import Experiment
from aedenoise.flags.definitions import DEFINED

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_flag_is_in_the_table_with_its_default() -> None:
    table = [line for line in README.splitlines() if line.startswith("| `--")]
    named = {name for line in table for name in re.findall(r"`--(\w+)`", line.split("|")[1])}
    assert named == {flag.name for flag in DEFINED}


def test_every_linked_file_is_there() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_default_learning_rate_is_the_one_stated() -> None:
    assert re.search(r"`--learning_rate`.*\| (\S+), `cosine`", README)[1] == str(
        Experiment().optimizer.learning_rate
    )
