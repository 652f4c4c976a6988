"""Before training: what a finished, an unfinished or a damaged run makes of the same command."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import digest, letters, saved_state, small

from aedenoise.config import Experiment, to_dict
from aedenoise.config.continuation import begun_with, difference, settle, warmup_steps
from aedenoise.config.options import ProbeOptions, RunOptions
from aedenoise.data.arrays import make_dataset
from aedenoise.errors import CheckpointError, StorageError, UsageError
from aedenoise.inference.denoiser import load_denoiser
from aedenoise.runs.evaluate import evaluate_run
from aedenoise.runs.report_page import write_page
from aedenoise.runs.resume import open_workdir
from aedenoise.runs.train import train
from aedenoise.runtime.preemption import StopSignals
from aedenoise.studies.hallucination.hallucination import measure_hallucination
from aedenoise.studies.probing.probe import probe
from aedenoise.studies.robustness import RobustnessPlan, robustness
from aedenoise.training.checkpoint_place import find_checkpoints
from aedenoise.training.workdir import Workdir

ONCE = small(epochs=1, optimizer__schedule="constant", data__train_examples=64)


def trained(experiment: Experiment, workdir: Path, data_dir: str, **options: Any) -> Any:
    given = {"data_dir": data_dir, "baselines": False, **options}
    return train(experiment, RunOptions(workdir=workdir, **given))


@pytest.fixture(scope="module")
def finished(data_dir: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with its checkpoints in another folder."""
    folder = tmp_path_factory.mktemp("finished")
    trained(ONCE, folder / "run", data_dir, checkpoint_dir=str(folder / "elsewhere"))
    return folder / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of ``finished`` that a test may change."""
    shutil.copytree(finished.parent, tmp_path / "copy")
    (tmp_path / "copy" / "run" / "checkpoint-dir").write_text("../elsewhere\n")
    return tmp_path / "copy" / "run"


def refuse_writing(*arguments: Any, **named: Any) -> None:
    raise PermissionError(30, "Read-only file system", "somewhere")


def test_checkpoints_elsewhere_are_found_again(run: Path, finished: Path, data_dir: str) -> None:
    expected = str(finished.parent / "elsewhere")
    assert (finished / "checkpoint-dir").read_text() == f"{expected}\n"
    assert not (run / "checkpoints").exists()
    params = digest(load_denoiser(run).params)
    (run.parent / "elsewhere").rename(run.parent / "moved")
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        load_denoiser(run)
    moved = str(run.parent / "moved")
    assert digest(load_denoiser(run, checkpoint_dir=moved).params) == params


def test_overwriting_removes_no_folder_that_only_a_record_names(run: Path) -> None:
    mine = run.parent / "mine"
    (run / "checkpoint-dir").write_text(str(mine))
    for name in ("5", "6.orbax-checkpoint-tmp"):
        (mine / name).mkdir(parents=True)
    open_workdir(Workdir(run), RunOptions(workdir=run, overwrite=True))
    assert list(run.iterdir()) == []
    assert find_checkpoints(Workdir(run)) == run / "checkpoints"
    open_workdir(Workdir(run), RunOptions(workdir=run, overwrite=True, checkpoint_dir=str(mine)))
    assert find_checkpoints(Workdir(run)) == mine
    assert not mine.exists()
    (mine / "5").mkdir(parents=True)
    (mine / "other.pt").write_text("")
    open_workdir(Workdir(run), RunOptions(workdir=run, overwrite=True, checkpoint_dir=str(mine)))
    assert [path.name for path in mine.iterdir()] == ["other.pt"]


def test_a_run_that_lost_its_configuration_records_it_again(
    run: Path, data_dir: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Workdir(run).read_config()
    (run / "config.json").unlink()
    results = trained(ONCE, run, data_dir)
    assert "continuing from step 2 of 2" in capsys.readouterr().out
    assert results["train"]["steps"] == 2
    assert Workdir(run).read_config()["experiment"] == config["experiment"]


def test_foreign_files_in_place_of_checkpoints_stay(tmp_path: Path, data_dir: str) -> None:
    (tmp_path / "checkpoints" / "3").mkdir(parents=True)
    with pytest.raises(CheckpointError, match="its checkpoints cannot be read"):
        trained(ONCE, tmp_path, data_dir)
    assert not (tmp_path / "config.json").exists()


def test_a_finished_run_is_reported_where_nothing_can_be_written(
    run: Path, data_dir: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "report.html").unlink()
    for name in ("mkstemp", "NamedTemporaryFile"):
        monkeypatch.setattr(tempfile, name, refuse_writing)
    assert trained(ONCE, run, data_dir) == json.loads((run / "results.json").read_text())
    said = capsys.readouterr().out
    assert "is finished (2 steps); nothing to do" in said
    assert said.endswith(
        f"report.html is missing: cannot write {run / 'report.html'}: Read-only file system\n"
    )
    with pytest.raises(StorageError, match=r"cannot write to workdir .*: Read-only file system"):
        trained(ONCE, run.parent / "new", data_dir)


@pytest.mark.slow
def test_more_epochs_continue_a_run_of_constant_rate(
    run: Path, data_dir: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    longer = replace(ONCE, epochs=3)
    before = Workdir(run).read_config()
    results = trained(longer, run, data_dir)
    said = capsys.readouterr().out
    assert "goes on to 3 epochs" in said
    assert "continuing from step 2 of 6" in said
    config = Workdir(run).read_config()
    assert config["begun_with"] == {
        "epochs": 1,
        "warmup": before["experiment"]["optimizer"]["warmup"],
    }
    assert (results["train"]["epochs"], config["total_steps"]) == (3, 6)
    # The recorded experiment, trained without a break, ends with the same bits.
    recorded = Workdir(run).read_experiment()
    trained(recorded, tmp_path / "whole", data_dir)
    assert digest(_state(run, data_dir)) == digest(saved_state(tmp_path / "whole", data_dir))
    # The same command again, and the first one.
    assert trained(longer, run, data_dir) == results
    with pytest.raises(CheckpointError, match=r"epochs \(3, now 1\); choose"):
        trained(ONCE, run, data_dir)


def _state(run: Path, data_dir: str) -> Any:
    (run / "checkpoints").symlink_to("../elsewhere")
    return saved_state(run, data_dir)


def test_warm_up_keeps_its_steps_in_a_longer_run() -> None:
    first = replace(ONCE, epochs=5)
    config = {"experiment": to_dict(first), "total_steps": 35}
    longer = settle(config, replace(first, epochs=10))
    assert longer is not None
    steps = warmup_steps(longer.optimizer.warmup, 70)
    assert steps == warmup_steps(first.optimizer.warmup, 35) == 2
    config = {"experiment": to_dict(longer), "total_steps": 70, "begun_with": begun_with(config)}
    longest = settle(config, replace(first, epochs=20))
    assert longest is not None
    assert warmup_steps(longest.optimizer.warmup, 140) == 2
    assert settle(config, replace(first, epochs=10)) == longer
    assert settle(config, longer) == longer
    assert settle(config, replace(first, epochs=10, seed=1)) is None
    assert difference(config, first) == "epochs (10, now 5)"


def test_a_run_whose_schedule_spans_all_epochs_does_not_continue(tmp_path: Path) -> None:
    workdir = Workdir(tmp_path)
    workdir.write_config(small(), {"total_steps": 14})
    with pytest.raises(CheckpointError, match=r"now 4\), and the cosine schedule would have been"):
        workdir.check(small(epochs=4))
    with pytest.raises(CheckpointError, match=r"another experiment: epochs \(2, now 1\); choose"):
        workdir.check(small(epochs=1))
    with pytest.raises(CheckpointError, match=r"another experiment: .*noise"):
        workdir.check(small(epochs=4, noise__level=0.2))


def test_what_is_refused_leaves_nothing(tmp_path: Path, data_dir: str) -> None:
    with pytest.raises(UsageError, match="not divisible"):
        trained(replace(ONCE, batch_size=30), tmp_path / "run", data_dir)
    with pytest.raises(UsageError, match="checkpoint_dir is a folder, or one of a bucket"):
        trained(ONCE, tmp_path / "run", data_dir, checkpoint_dir="foo://bar")
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_is_removed_by_the_next_command(run: Path, data_dir: str) -> None:
    for name in (".results.json.abcdefgh", ".report.html.a1b2c3d4", "figures/.curve.png.abcdefgh"):
        (run / name).write_bytes(b"half")
    (run / ".mine.json.abcdefgh").write_text("")
    trained(ONCE, run, data_dir)
    assert [path.name for path in run.rglob(".*")] == [".mine.json.abcdefgh"]


@pytest.mark.parametrize("content", ["null", "[]", "{}", '{"train": 5}', "[" * 100_000, "\xff"])
def test_results_of_another_shape_are_one_error(run: Path, data_dir: str, content: str) -> None:
    (run / "results.json").write_text(content, encoding="latin-1")
    with pytest.raises(CheckpointError, match=r"results\.json is damaged"):
        trained(ONCE, run, data_dir)
    with pytest.raises(CheckpointError, match=r"results\.json is damaged"):
        write_page([run], run.parent / "page.html")


def test_a_page_shows_regular_files_of_its_run_only(run: Path) -> None:
    secret = run.parent / "secret"
    secret.write_bytes(b"a secret" * 99)
    figures = run / "figures"
    for name in ("denoised.png", "worst.png"):
        (figures / name).unlink()
    (figures / "denoised.png").symlink_to(secret)
    (figures / "worst.png").symlink_to("curve.png")
    (figures / "artifacts.png").unlink()
    os.mkfifo(figures / "artifacts.png")
    (run / "probe.json").symlink_to(secret)
    target = run.parent / "page.html"
    write_page([run], target)
    # The curve, twice.
    assert target.read_text().count("<img ") == 2
    figures.rename(run.parent / "figures")
    figures.symlink_to(run.parent / "figures")
    write_page([run], target)
    assert target.read_text().count("<img ") == 0


def test_a_page_that_cannot_be_written_is_named(run: Path) -> None:
    (run.parent / "file").write_text("")
    target = run.parent / "file" / "page.html"
    with pytest.raises(StorageError, match=f"cannot write {target}: File exists"):
        write_page([run], target)
    fifo = run.parent / "fifo.html"
    os.mkfifo(fifo)
    with pytest.raises(StorageError, match="exists and is not a report"):
        write_page([run], fifo)


def test_studies_ask_before_the_work_whether_they_can_write(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse_writing)
    options, signals = RunOptions(workdir=run), StopSignals()
    plan = RobustnessPlan(ONCE, (ONCE.noise,), (ONCE.noise,))
    for study in (
        lambda: probe(ONCE, options, ProbeOptions(), signals),
        lambda: robustness(plan, options, signals),
        lambda: measure_hallucination([], options, signals),
    ):
        with pytest.raises(StorageError, match="cannot write to workdir"):
            study()


def test_colour_images_for_a_grey_network_are_refused(run: Path, data_dir: str) -> None:
    colour = letters(24).repeat(3, axis=-1)
    options = RunOptions(workdir=run, data_dir=data_dir, baselines=False)
    words = r"has 3 channels, the network in .* takes 1"
    with pytest.raises(UsageError, match=words):
        evaluate_run(ONCE, options, dataset=make_dataset((colour[:16], np.array(colour[16:]))))
