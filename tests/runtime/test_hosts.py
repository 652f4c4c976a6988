"""Two processes as on two hosts, each with two devices, over JAX's distributed runtime."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import digest, saved_state
from processes import (
    STEPS,
    finish,
    slurm_task,
    start,
    start_evaluation,
    start_pair,
    start_until_saved,
    steps_saved,
    stop,
    wait_until,
)

Reached = Callable[[str], None]
pytestmark = [pytest.mark.slow, pytest.mark.end_to_end]
LONG = "--epochs=400"


def losses(workdir: Path) -> np.ndarray:
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return np.array([line["train/loss"] for line in map(json.loads, lines) if "train/loss" in line])


@pytest.fixture(scope="module")
def alone(data_dir: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trains in one process with four devices; returns the workdir."""
    workdir = tmp_path_factory.mktemp("alone") / "run"
    code, out, err = finish(start(workdir, data_dir, devices=4))
    assert (code, err) == (0, ""), out
    return workdir


@pytest.fixture(scope="module", params=["jit", "pmap"])
def together(
    request: pytest.FixtureRequest, data_dir: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[tuple[int, str, str]]]:
    """Trains in two processes with two devices each; returns the workdir and their outputs. Those
    of jit join by flags, those of pmap by Slurm's environment variables."""
    workdir = tmp_path_factory.mktemp(request.param) / "run"
    slurm = request.param == "pmap"
    pair = start_pair(workdir, data_dir, f"--parallel={request.param}", slurm=slurm)
    return workdir, [finish(process) for process in pair]


@pytest.mark.scorecard(11)
def test_two_processes_train_as_one(
    together: tuple[Path, list[tuple[int, str, str]]], alone: Path, reached: Reached
) -> None:
    workdir, ends = together
    assert [code for code, _, _ in ends] == [0, 0], ends
    worst = np.abs(losses(workdir) - losses(alone)).max()
    reached(f"loss {worst:.0e}")
    assert worst <= 1e-6
    said = [
        # Messages of Gloo's threads are interleaved within lines.
        [line for line in out.splitlines() if not re.search("Gloo|peer ranks|^[ 0-9]*$", line)]
        for _, out, _ in ends
    ]
    assert any("4 cpu devices of 2 processes" in line for line in said[0])
    assert said[1] == []  # process 0 alone speaks, and writes
    assert len(list((workdir / "tensorboard").iterdir())) == 1
    quality = [json.loads((w / "results.json").read_text())["eval"] for w in (workdir, alone)]
    assert quality[0]["psnr"] == pytest.approx(quality[1]["psnr"], abs=1e-3)


@pytest.mark.scorecard(12)
def test_what_two_processes_saved_one_restores(
    together: tuple[Path, list[tuple[int, str, str]]], data_dir: str
) -> None:
    workdir, _ = together
    results = json.loads((workdir / "results.json").read_text())
    code, out, err = finish(start_evaluation(workdir, data_dir))
    assert (code, err) == (0, ""), out
    evaluated = json.loads((workdir / "eval.json").read_text())
    assert evaluated["step"] == STEPS
    for name, value in results["eval"].items():
        assert evaluated["eval"][name] == pytest.approx(value, abs=1e-5)


@pytest.mark.scorecard(12)
def test_what_one_process_saved_two_continue(data_dir: str, tmp_path: Path, alone: Path) -> None:
    workdir = tmp_path / "run"
    first = start_until_saved(workdir, data_dir)
    stop(first)
    assert finish(first)[0] == 0
    saved = digest(saved_state(workdir, data_dir))
    ends = [finish(process) for process in start_pair(workdir, data_dir)]
    assert [code for code, _, _ in ends] == [0, 0], ends
    assert "continuing from step " in ends[0][1]
    assert digest(saved_state(workdir, data_dir)) != saved
    np.testing.assert_allclose(losses(workdir)[-1], losses(alone)[-1], atol=1e-4)


@pytest.mark.scorecard(5)
def test_a_signal_to_one_stops_both_at_the_same_step(
    data_dir: str, tmp_path: Path, soak: bool, reached: Reached
) -> None:
    seconds = []
    for number in range(5 if soak else 1):
        workdir = tmp_path / str(number)
        pair = start_pair(workdir, data_dir, LONG)
        wait_until(lambda folder=workdir: len(steps_saved(folder)) > 1, *pair)
        begun = stop(pair[number % 2])
        ends = [finish(process, 60) for process in pair]
        seconds.append(time.monotonic() - begun)
        assert [code for code, _, _ in ends] == [0, 0], ends
        saved = steps_saved(workdir)[-1]
        assert f"saved step {saved} of 3200" in ends[0][1]
        assert finish(start_evaluation(workdir, data_dir))[0] == 0
    reached(f"{len(seconds)}/{len(seconds)}, the slowest after {max(seconds):.1f} s")


@pytest.mark.scorecard(17)
@pytest.mark.parametrize("killed", [1, 0], ids=["worker", "coordinator"])
def test_the_death_of_one_ends_the_other_and_the_run_goes_on(
    data_dir: str, tmp_path: Path, killed: int, soak: bool, reached: Reached
) -> None:
    seconds = []
    for number in range(2 if soak else 1):
        workdir = tmp_path / str(number)
        pair = start_pair(workdir, data_dir, LONG, "--heartbeat_timeout=10")
        wait_until(lambda folder=workdir: len(steps_saved(folder)) > 1, *pair)
        pair[killed].kill()
        begun = time.monotonic()
        assert finish(pair[1 - killed], 60)[0] != 0
        seconds.append(time.monotonic() - begun)
        finish(pair[killed])
        again = start(workdir, data_dir, LONG)
        past = max(steps_saved(workdir))
        wait_until(lambda folder=workdir, past=past: max(steps_saved(folder)) > past, again)
        stop(again)
        code, out, err = finish(again)
        assert (code, err) == (0, ""), out
        assert "continuing from step " in out
    reached(f"{len(seconds)}/{len(seconds)}, the slowest after {max(seconds):.1f} s")
    assert max(seconds) <= 25.0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--distributed=on"], "processes cannot be joined"),
        (["--distributed=maybe"], "unknown distributed"),
        (["--num_processes=2"], "processes cannot be joined"),
        (["--num_processes=2", "--process_id=2"], "counts from 0"),
        (["--coordinator_address=here"], "host:port"),
        (["--distributed=off", "--process_id=0"], "contradicts"),
        (["--heartbeat_timeout=0"], "at least 1"),
    ],
)
def test_flags_that_join_nothing(
    data_dir: str, tmp_path: Path, flags: list[str], words: str
) -> None:
    code, _, err = finish(start(tmp_path / "run", data_dir, *flags))
    assert code == 2, err
    assert words in err
    assert len(err.strip().splitlines()) == 1


def test_hosts_without_a_common_disk_share_only_checkpoints(data_dir: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    place = f"--checkpoint_dir={tmp_path / 'bucket'}"
    for _ in range(2):  # the second time it is finished
        pair = start_pair(first, data_dir, place, second=second)
        ends = [finish(process) for process in pair]
        assert [code for code, _, _ in ends] == [0, 0], ends
    assert (first / "results.json").exists()
    assert not (second / "results.json").exists()


def test_a_single_task_of_a_cluster_heeds_signals_too(data_dir: str, tmp_path: Path) -> None:
    workdir = tmp_path / "run"
    process = start_until_saved(workdir, data_dir, LONG, variables=slurm_task(0, 9917, tasks=1))
    stop(process)
    code, out, err = finish(process)
    assert code == 0, err
    # JAX handles the signal there, and logs it.
    assert all("SIGTERM caught" in line for line in err.splitlines()), err
    assert "the same command continues" in out
