"""Processes killed or signalled at random instants: nothing is lost, results are equal."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import digest, saved_state
from processes import STEPS, finish, start, start_until_saved, steps_saved, stop, wait_until

Reached = Callable[[str], None]
pytestmark = [pytest.mark.slow, pytest.mark.end_to_end]


@pytest.fixture(scope="module")
def unbroken(data_dir: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, float]:
    """Returns the digest of the last state, the metrics and the duration of an unbroken run."""
    for name in ("warm", "unbroken"):
        workdir = tmp_path_factory.mktemp(name) / "run"
        begun = time.monotonic()
        code, out, err = finish(start(workdir, data_dir))
        assert (code, err) == (0, ""), out
    seconds = time.monotonic() - begun
    return digest(saved_state(workdir, data_dir)), metrics(workdir), seconds


def metrics(workdir: Path) -> str:
    return (workdir / "metrics.jsonl").read_text()


def stop_with_lines_of_unsaved_steps(process: subprocess.Popen[str], workdir: Path) -> None:
    """Stops the process while a checkpoint is being written, of a step that its log has already."""
    while process.poll() is None:
        if list(workdir.glob("checkpoints/*tmp*")):
            process.send_signal(signal.SIGSTOP)
            last = json.loads(metrics(workdir).splitlines()[-1])["step"]
            if last > max(steps_saved(workdir), default=0):
                return
            process.send_signal(signal.SIGCONT)
        time.sleep(0.001)


def leftovers(workdir: Path) -> list[str]:
    return [path.name for path in workdir.rglob("*") if "tmp" in path.name or path.name[0] == "."]


def takes_signals(process: subprocess.Popen[str]) -> bool:
    """Returns True once the process handles SIGTERM itself, instead of the interpreter."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) & (1 << (signal.SIGTERM - 1)))


@pytest.mark.scorecard(2)
def test_killed_at_random_instants(
    unbroken: tuple[str, str, float], data_dir: str, tmp_path: Path, soak: bool, reached: Reached
) -> None:
    kills, done, runs = 50 if soak else 4, 0, 0
    chance = random.Random(2)
    while done < kills:
        runs += 1
        workdir = tmp_path / str(runs)
        for attempt in range(4):
            process = start(workdir, data_dir)
            if attempt == 0:
                stop_with_lines_of_unsaved_steps(process, workdir)
            else:
                wait = chance.uniform(0.0, unbroken[2])
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(wait)
            process.kill()
            if finish(process)[0] == -signal.SIGKILL:
                done += 1
        code, out, err = finish(start(workdir, data_dir))
        assert (code, err) == (0, ""), out
        assert digest(saved_state(workdir, data_dir)) == unbroken[0]
        assert metrics(workdir) == unbroken[1]
        assert leftovers(workdir) == []
    reached(f"{done}/{done} kills in {runs} runs")


@pytest.mark.scorecard(4)
def test_told_to_stop_at_random_instants(
    unbroken: tuple[str, str, float], data_dir: str, tmp_path: Path, soak: bool, reached: Reached
) -> None:
    stops, done, worst, number = 20 if soak else 3, 0, 0.0, 0
    chance = random.Random(4)
    while done < stops:
        number += 1
        workdir = tmp_path / str(number)
        process = start(workdir, data_dir)
        wait_until(lambda process=process: takes_signals(process), process)
        time.sleep(chance.uniform(0.0, 0.9 * unbroken[2]))
        begun = stop(process, chance.choice([signal.SIGTERM, signal.SIGINT]))
        code, out, err = finish(process, 30)
        worst = max(worst, time.monotonic() - begun)
        assert err == "", out
        assert code == 0, out
        saved = steps_saved(workdir)
        if (workdir / "results.json").exists():
            continue
        done += 1
        last = out.splitlines()[-1]
        assert last.startswith(("SIGTERM: ", "SIGINT: "))
        assert "the same command" in last
        if saved and "saved step" in last:
            assert f"saved step {saved[-1]} of {STEPS}" in last
        assert finish(start(workdir, data_dir))[0] == 0
        assert digest(saved_state(workdir, data_dir)) == unbroken[0]
        assert leftovers(workdir) == []
    reached(f"{done}/{done}, the slowest after {worst:.1f} s")
    assert worst <= 10.0


@pytest.mark.scorecard(4)
def test_the_exit_code_after_a_signal_can_be_chosen(data_dir: str, tmp_path: Path) -> None:
    workdir = tmp_path / "run"
    process = start_until_saved(workdir, data_dir, "--preempt_exit_code=75", "--epochs=400")
    stop(process)
    code, out, _ = finish(process)
    assert code == 75
    assert "SIGTERM: saved step " in out


@pytest.mark.scorecard(4)
def test_a_second_signal_leaves_at_once(data_dir: str, tmp_path: Path) -> None:
    workdir = tmp_path / "run"
    process = start_until_saved(workdir, data_dir, "--epochs=400", "--steps_per_call=8")
    stop(process)
    begun = stop(process, signal.SIGINT)
    # Of two that are pending Python takes the lower number first.
    assert finish(process, 10)[0] in (-signal.SIGINT, -signal.SIGTERM, 130, 143)
    assert time.monotonic() - begun < 3.0


@pytest.mark.scorecard(4)
def test_an_evaluation_that_was_given_up_is_made_up_for(data_dir: str, tmp_path: Path) -> None:
    """Interrupts an evaluation of several seconds; the resumed run completes it."""
    flags = ("--test_examples=3000", "--epochs=2", "--decoder_features=64,64")
    workdir, whole = tmp_path / "run", tmp_path / "whole"
    assert finish(start(whole, data_dir, *flags))[0] == 0
    process = start(workdir, data_dir, *flags)
    lines = workdir / "metrics.jsonl"
    wait_until(lambda: lines.exists() and '"step": 8,' in lines.read_text(), process)
    stop(process)
    code, out, err = finish(process)
    assert (code, err) == (0, ""), out
    assert finish(start(workdir, data_dir, *flags))[0] == 0
    evaluations = [
        [json.loads(line) for line in metrics(folder).splitlines() if "eval/psnr" in line]
        for folder in (workdir, whole)
    ]
    assert evaluations[0] == evaluations[1]


@pytest.mark.scorecard(13)
def test_three_fresh_processes_are_one(
    unbroken: tuple[str, str, float], data_dir: str, tmp_path: Path, reached: Reached
) -> None:
    for number in range(2):
        assert finish(start(tmp_path / str(number), data_dir))[0] == 0
        assert digest(saved_state(tmp_path / str(number), data_dir)) == unbroken[0]
        assert metrics(tmp_path / str(number)) == unbroken[1]
    reached("3/3 bit-identical, and their metrics.jsonl too")


def test_a_workdir_has_one_trainer(data_dir: str, tmp_path: Path) -> None:
    workdir = tmp_path / "run"
    first = start_until_saved(workdir, data_dir, "--epochs=400")
    code, _, err = finish(start(workdir, data_dir, "--epochs=400"))
    assert code == 3
    assert "another process is training in" in err
    assert first.poll() is None
    stop(first)
    assert finish(first)[0] == 0
