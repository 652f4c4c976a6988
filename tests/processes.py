"""Runs of the command line in processes of their own: started, killed, told to stop, in pairs."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from conftest import ROOT, command_environment

# A few seconds of work on real letters; most of a run is its start.
FLAGS = (
    "--experiment=debug",
    "--encoder_features=4,4",
    "--decoder_features=4,4",
    "--train_examples=256",
    "--test_examples=64",
    "--batch_size=32",
    "--epochs=3",
    "--save_every=4",
    "--nobaselines",
)
STEPS = 24
_LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
os.execv(sys.argv[2], sys.argv[2:])
"""
TIMEOUT = 240


def start(
    workdir: Path,
    data_dir: str,
    *flags: str,
    devices: int = 1,
    file_bytes: int | None = None,
    variables: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """One process that trains in ``workdir``; no file of it may be larger than ``file_bytes``.

    So limited, it compiles for itself, and leaves no halves of programs to other tests.
    """
    limited = [] if file_bytes is None else [sys.executable, "-c", _LIMITED, str(file_bytes)]
    environment = {**command_environment(data_dir, devices), **(variables or {})}
    if file_bytes is not None:
        environment["JAX_COMPILATION_CACHE_DIR"] = f"{workdir}-programs"
    return _start(limited, environment, *FLAGS, f"--workdir={workdir}", *flags)


def start_until_saved(
    workdir: Path, data_dir: str, *flags: str, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """One process that trains in ``workdir``, and has written its first checkpoint there."""
    process = start(workdir, data_dir, *flags, variables=variables)
    wait_until(lambda: bool(steps_saved(workdir)), process)
    return process


def start_evaluation(workdir: Path, data_dir: str, *flags: str) -> subprocess.Popen[str]:
    """One process that evaluates the run in ``workdir``."""
    return _start([], command_environment(data_dir), "--mode=eval", f"--workdir={workdir}", *flags)


def _start(
    before: Sequence[str], environment: Mapping[str, str], *flags: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*before, sys.executable, "-m", "aedenoise.main", *flags],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], timeout: float = TIMEOUT) -> tuple[int, str, str]:
    """Exit code, stdout and stderr; a process that takes longer is killed, and the test fails."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"not done within {timeout} s: {out} {err}") from None
    return process.returncode, out, err


def start_pair(
    workdir: Path,
    data_dir: str,
    *flags: str,
    devices: int = 2,
    slurm: bool = False,
    second: Path | None = None,
) -> list[subprocess.Popen[str]]:
    """Two processes of one run, which find each other by flags, or by what Slurm says; the second
    in a workdir of its own if there is one."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    if slurm:
        return [
            start(workdir, data_dir, *flags, devices=devices, variables=slurm_task(number, port))
            for number in range(2)
        ]
    joined = (*flags, f"--coordinator_address=localhost:{port}", "--num_processes=2")
    return [
        start(place, data_dir, *joined, f"--process_id={number}", devices=devices)
        for number, place in enumerate((workdir, second or workdir))
    ]


def slurm_task(number: int, port: int, tasks: int = 2) -> dict[str, str]:
    """What Slurm says to a task of a step."""
    return {
        "SLURM_JOB_ID": "1",
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_NTASKS": str(tasks),
        "SLURM_PROCID": str(number),
        "SLURM_LOCALID": str(number),
        "JAX_COORDINATOR_PORT": str(port),
    }


def wait_until(
    done: Callable[[], bool], *processes: subprocess.Popen[str], timeout: float = TIMEOUT
) -> None:
    """Waits for something that the processes do; fails if one of them ends before."""
    deadline = time.monotonic() + timeout
    while not done():
        for process in processes:
            assert process.poll() is None, finish(process)
        assert time.monotonic() < deadline
        time.sleep(0.01)


def steps_saved(workdir: Path) -> list[int]:
    """The steps of the checkpoints in a workdir."""
    return sorted(
        int(path.name) for path in workdir.glob("checkpoints/[0-9]*") if path.name.isdecimal()
    )


def stop(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> float:
    """Sends a signal; the time."""
    process.send_signal(number)
    return time.monotonic()
