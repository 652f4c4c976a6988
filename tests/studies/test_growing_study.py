"""Studies that go on: from tables of another machine, with more seeds, decoders and conditions."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import SMALL, small, study_rows

from aedenoise.config.study import Study
from aedenoise.config.study_growth import grow_study, study_difference
from aedenoise.errors import CheckpointError
from aedenoise.studies.comparison.folder import StudyFolder
from aedenoise.studies.comparison.matching import Network

STUDY = Study(base=SMALL, decoders=("upsample", "transpose:k3"), steps=(12,), seeds=2)
POINT = {"at_step": 12, "psnr": 19.5, "excess_2": 0.1}


def measured(psnr: float, digest: str = "0" * 12) -> dict[str, object]:
    (row,) = study_rows({"upsample": [psnr]})
    return {**dict(list(row.items())[6:]), "dataset_digest": digest}


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    """Makes a study of which the cells of the first seed are finished."""
    folder = StudyFolder(tmp_path / "study")
    folder.claim(STUDY, overwrite=False)
    network = Network((4, 4), 100, 50, 1000, 1.0)
    folder.networks(lambda known: {"parameters": {"notmnist/open": {"upsample": network}}})
    for number, cell in enumerate(STUDY.cells()):
        if cell.seed == 0:
            spectrum = [{"frequency": 0.5, "ratio_db": -float(number)}]
            folder.record(cell, measured(20.0 + number), [POINT], {}, spectrum)
    folder.write_tables()
    return folder


def test_a_study_goes_on_from_its_tables(folder: StudyFolder) -> None:
    before = folder.results(STUDY)
    shutil.rmtree(folder.cells)
    shutil.rmtree(folder.pictures)
    elsewhere = StudyFolder(folder.path)
    elsewhere.claim(STUDY, overwrite=False)
    done = [cell.seed for cell in STUDY.cells() if elsewhere.is_done(cell)]
    assert done == [0, 0]
    assert elsewhere.results(STUDY) == before
    left = [cell for cell in STUDY.cells() if cell.seed == 1]
    with elsewhere.taking(list(STUDY.cells())) as mine:
        assert mine == left
        elsewhere.record(left[0], measured(25.0), [], {})
    elsewhere.write_tables()
    found, _, spectra = StudyFolder(folder.path).results(STUDY)
    assert [row["psnr"] for row in found] == [20.0, 25.0, 21.0]
    assert [point["ratio_db"] for point in spectra] == [0.0, -1.0]


def test_a_cell_in_a_file_and_in_the_table_counts_once(folder: StudyFolder) -> None:
    assert folder.table.is_file()
    assert len(folder.results(STUDY)[0]) == 2


def test_a_study_grows(folder: StudyFolder) -> None:
    more = replace(
        STUDY, decoders=("upsample", "bilinear", "transpose:k3"), noise_levels=(0.4, 0.2), seeds=3
    )
    folder.claim(more, overwrite=False)
    grown, networks = folder.read()
    assert grown.decoders == ("upsample", "transpose:k3", "bilinear")
    assert (grown.noise_levels, grown.seeds) == ((0.4, 0.2), 3)
    assert networks is not None
    assert sum(folder.is_done(cell) for cell in grown.cells()) == 2
    # What is there stays, also for a command that asks for less seeds.
    folder.claim(replace(more, seeds=1), overwrite=False)
    assert folder.read()[0].seeds == 3


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (replace(STUDY, steps=(13,)), r"steps \(12, now 13\)"),
        (replace(STUDY, base=small(batch_size=16)), r"batch_size \(32, now 16\)"),
        (replace(STUDY, decoders=("transpose:k3", "upsample")), "decoders"),
        (replace(STUDY, decoders=("upsample",)), "decoders"),
    ],
)
def test_another_study_is_refused(folder: StudyFolder, changed: Study, said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        folder.claim(changed, overwrite=False)
    assert folder.read()[0] == STUDY


def test_growth_keeps_what_was_there_first() -> None:
    more = replace(STUDY, decoders=("upsample", "subpixel", "transpose:k3"), steps=(6, 12))
    assert study_difference(STUDY, more) is None
    assert grow_study(STUDY, more).decoders == (*STUDY.decoders, "subpixel")
    assert grow_study(STUDY, STUDY) == STUDY


def test_cells_are_taken_from_a_study_of_the_same_data_alone(
    folder: StudyFolder, tmp_path: Path
) -> None:
    own = replace(STUDY, decoders=("upsample", "subpixel"))
    mine = StudyFolder(tmp_path / "mine")
    mine.claim(own, overwrite=False)
    mine.adopt(folder, {"upsample"})
    assert [row["decoder"] for row in mine.results(own)[0]] == ["upsample"]
    assert mine.read()[1] == {
        "parameters": {"notmnist/open": {"upsample": Network((4, 4), 100, 50, 1000, 1.0)}}
    }
    other = StudyFolder(tmp_path / "other")
    other.claim(own, overwrite=False)
    cell = next(cell for cell in own.cells() if cell.decoder == "subpixel")
    other.record(cell, measured(20.0, "1" * 12), [], {})
    with pytest.raises(CheckpointError, match="come from different data"):
        other.adopt(folder, {"upsample"})


def test_a_table_of_something_else_is_named(folder: StudyFolder) -> None:
    folder.table.write_text("a,b\n1,2\n")
    with pytest.raises(CheckpointError, match=r"cells\.csv has no column 'dataset'"):
        folder.results(STUDY)
