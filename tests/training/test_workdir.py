"""What lies in a folder that a run is to use: only a run of this package is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from aedenoise.errors import CheckpointError
from aedenoise.training.workdir import Workdir


@pytest.mark.parametrize("name", ["checkpoints/other.pt", "figures/mine.png", "report.html"])
@pytest.mark.parametrize("config", [None, "{}"])
def test_files_of_another_program_are_never_removed(
    tmp_path: Path, name: str, config: str | None
) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match="is not of a run of this package"):
        Workdir(tmp_path).clear()
    assert file.read_text() == "mine"


@pytest.mark.parametrize("lost", ["config.json", "checkpoints/2"])
def test_a_run_that_lost_a_part_is_replaced(tmp_path: Path, lost: str) -> None:
    (tmp_path / "checkpoints" / "2" / "record").mkdir(parents=True)
    (tmp_path / "config.json").write_text('{"format": 1, "experiment": {}}')
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / lost).rename(tmp_path / "lost")
    Workdir(tmp_path).clear()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lost", "thesis.txt"]


def test_the_folder_of_a_comparison_is_not_trained_in(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(CheckpointError, match="holds a comparison; choose another --workdir"):
        Workdir(tmp_path).check_no_study()
