"""Measures start-up, first step and memory of the command."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 3
_COMMAND = [sys.executable, "-m", "aedenoise.main"]


def measure(folder: Path) -> dict[str, float]:
    """Measures the seconds from the command to its answer or to its first logged step, with
    compiled programs cached, and the peak resident memory (bytes) of training on MNIST."""
    found = {
        "help_seconds": _median(["--help"]),
        "wrong_flag_seconds": _median(["--decoder=transpsoe"]),
    }
    for decoder in ("upsample", "transpose"):
        _train(folder / f"{decoder}-compiling", decoder, to_the_end=False)
        runs = [_train(folder / f"{decoder}-{n}", decoder, to_the_end=False) for n in range(RUNS)]
        found[f"first_step_seconds/{decoder}"] = statistics.median(first for first, _ in runs)
        _, peak = _train(folder / f"{decoder}-whole", decoder, to_the_end=True)
        found[f"peak_bytes/{decoder}"] = float(peak)
    return found


def _median(flags: list[str]) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([*_COMMAND, *flags], capture_output=True, check=False)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _train(workdir: Path, decoder: str, *, to_the_end: bool) -> tuple[float, int]:
    """Measures seconds to the first step of an epoch on MNIST, and peak memory in bytes."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [
            *_COMMAND,
            f"--decoder={decoder}",
            "--dataset=mnist",
            "--epochs=1",
            "--log_every=1",
            f"--workdir={workdir}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    metrics = workdir / "metrics.jsonl"
    while not (metrics.exists() and metrics.stat().st_size):
        if process.poll() is not None:
            raise RuntimeError(f"the run in {workdir} ended before its first step")
        time.sleep(0.01)
    first = time.perf_counter() - start
    if not to_the_end:
        process.terminate()  # it saves its state and exits with 0
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"the run in {workdir} failed")
    return first, usage.ru_maxrss * 1024
