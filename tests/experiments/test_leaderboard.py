"""A decoder from outside enters the grid of a stored study."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import SMALL, study_rows

from aedenoise.config.options import RunOptions
from aedenoise.config.study import Study
from aedenoise.studies.comparison.compare import compare
from aedenoise.studies.comparison.folder import StudyFolder
from aedenoise.studies.comparison.rows import Row
from experiments import leaderboard

STUDY = Study(base=SMALL, decoders=("upsample", "transpose:k3"), steps=(12,), seeds=2)
MINE = """
import flax.linen as nn

class Mine(nn.Module):
    features: tuple[int, ...] = (32, 32)
    channels: int = 1

    @nn.compact
    def __call__(self, code):
        for width in self.features:
            code = nn.relu(nn.ConvTranspose(width, (2, 2), (2, 2))(code))
        return nn.Conv(self.channels, (3, 3))(code)
"""
BUDGET = ("parameters", 100)


def stored() -> list[Row]:
    return study_rows(
        {
            "upsample": [20.0, 20.2],
            "transpose:k4": [20.5, 20.6],
            "bilinear": [19.0, 19.3],
            "unpool": [None, None],
        }
    )


def test_the_best_mean_difference_is_first_and_what_diverged_is_last() -> None:
    found = leaderboard.standings(stored(), "upsample", BUDGET)
    assert [each.decoder for each in found] == ["transpose:k4", "upsample", "bilinear", "unpool"]
    assert found[0].difference is not None
    assert found[0].difference.mean == pytest.approx(0.45)
    lines = leaderboard.table(found, "upsample").splitlines()
    assert len(lines) == 6
    assert lines[2].startswith("| 1 | transpose k4 | +0.45 [")
    assert "| reference |" in lines[3]
    assert "| diverged |" in lines[5]


def test_one_row_says_its_rank_among_all() -> None:
    found = leaderboard.standings(stored(), "upsample", BUDGET)
    (row,) = leaderboard.table(found, "upsample", only="bilinear").splitlines()[2:]
    assert row.startswith("| 3 of 4 | bilinear | -0.95 [")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--decoder=nowhere:Mine"], "no module nowhere"),
        (["--decoder=bilinear", "--seeds=3"], "--seeds must be from 1 to 2"),
        (["--decoder=bilinear", "--seeds=1", "--enter"], "--enter takes all 2 seeds"),
    ],
)
def test_what_cannot_be_entered_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    folder = StudyFolder(tmp_path / "results")
    folder.claim(STUDY, overwrite=False)
    for cell in STUDY.cells():
        row = {"psnr": 20.0, "dataset_digest": "0" * 12, "diverged_at": None}
        folder.record(cell, row, [], {})
    flags = [*flags, f"--results={folder.path}", f"--workdir={tmp_path / 'own'}"]
    assert leaderboard.main(flags) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "own").exists()


@pytest.mark.slow
def test_a_decoder_from_outside_gets_its_row(
    tmp_path: Path,
    data_dir: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "entered.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    results = StudyFolder(tmp_path / "results")
    assert compare(STUDY, RunOptions(workdir=results.path, data_dir=data_dir))
    before = results.table.read_bytes()
    flags = [
        "--decoder=entered:Mine",
        f"--results={results.path}",
        f"--workdir={tmp_path / 'own'}",
        f"--data_dir={data_dir}",
    ]
    capsys.readouterr()
    assert leaderboard.main(flags) == 0
    said = capsys.readouterr().out
    assert "of 3 | entered:Mine |" in said
    assert "to transpose k3: " in said
    assert results.table.read_bytes() == before
    # Its cells are there; with --enter they join those of the study.
    assert leaderboard.main([*flags, "--enter"]) == 0
    grown, _ = results.read()
    assert grown.decoders == (*STUDY.decoders, "entered:Mine")
    assert len(results.results(grown)[0]) == 6
    assert before.splitlines()[1] in results.table.read_bytes().splitlines()
