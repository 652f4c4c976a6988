"""Scorecard 19: preparation that is killed, concurrent, or out of disk space."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from archives import small_archive
from conftest import ROOT, command_environment

from aedenoise.data.archive import ARCHIVES
from aedenoise.data.reading import load
from aedenoise.errors import StorageError

KILLS = 20
ROUNDS = 5
AT_ONCE = 4


def _prepare(archive: Path, data_dir: Path, answers: Any, file_bytes: int | None = None) -> None:
    """Prepares in a separate process; answers with the digest and the messages."""
    if file_bytes is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    tempfile.tempdir = f"{data_dir}-temporary"
    Path(tempfile.tempdir).mkdir(exist_ok=True)
    lines: list[str] = []
    try:
        dataset = load(
            "notmnist/small", str(data_dir), lines.append, manual_dir=str(archive.parent)
        )
        answers.send((dataset.digest, lines))
    except Exception as error:
        answers.send((type(error).__name__, [str(error)]))


class Processes:
    """Starts real processes that have everything imported already."""

    def __init__(self, archive: Path) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["aedenoise.data.reading", "aedenoise.data.builders"])
        self.archive = archive

    def start(self, data_dir: Path, file_bytes: int | None = None) -> tuple[BaseProcess, Any]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_prepare, args=(self.archive, data_dir, theirs, file_bytes)
        )
        process.start()
        theirs.close()
        return process, ours

    def run(self, data_dir: Path, file_bytes: int | None = None) -> tuple[str, list[str]]:
        process, answers = self.start(data_dir, file_bytes)
        answer: tuple[str, list[str]] = answers.recv()
        process.join(60)
        assert process.exitcode == 0
        return answer


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Processes:
    folder = tmp_path_factory.mktemp("archive")
    return Processes(small_archive(folder / ARCHIVES["small"].file))


@pytest.fixture(scope="module")
def unbroken(processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, float]:
    """Returns the digest and the duration of an undisturbed preparation."""
    processes.run(tmp_path_factory.mktemp("warm"))
    start = time.monotonic()
    digest, _ = processes.run(tmp_path_factory.mktemp("unbroken"))
    return digest, time.monotonic() - start


def _leftovers(data_dir: Path) -> list[Path]:
    patterns = ("incomplete.*", "*.part", ".*.npy.*", ".digest*")
    found = [path for pattern in patterns for path in data_dir.rglob(pattern)]
    return found + list(Path(f"{data_dir}-temporary").iterdir())


@pytest.mark.scorecard(19)
@pytest.mark.parametrize("number", range(KILLS))
@pytest.mark.fast_cases("0")
def test_killed_and_run_again(
    processes: Processes, unbroken: tuple[str, float], tmp_path: Path, number: int
) -> None:
    digest, seconds = unbroken
    process, _ = processes.start(tmp_path)
    time.sleep(random.Random(number).uniform(0, seconds))
    process.kill()
    process.join()
    assert processes.run(tmp_path)[0] == digest
    assert processes.run(tmp_path) == (digest, [])  # and the third time there is nothing to do
    assert _leftovers(tmp_path) == []


@pytest.mark.scorecard(19)
@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.fast_cases("0")
def test_several_at_once_prepare_once(
    processes: Processes, unbroken: tuple[str, float], tmp_path: Path, number: int
) -> None:
    started = [processes.start(tmp_path) for _ in range(AT_ONCE)]
    answers = [answer.recv() for _, answer in started]
    for process, _ in started:
        process.join(60)
        assert process.exitcode == 0
    assert [digest for digest, _ in answers] == [unbroken[0]] * AT_ONCE
    said = [line for _, lines in answers for line in lines]
    assert sum(line.startswith("preparing ") for line in said) == 1
    assert _leftovers(tmp_path) == []


@pytest.mark.scorecard(19)
@pytest.mark.parametrize("kilobytes", [1, 8, 64, 120, 200])
@pytest.mark.fast_cases("120")
def test_a_full_disk_is_one_line_and_the_next_run_succeeds(
    processes: Processes, unbroken: tuple[str, float], tmp_path: Path, kilobytes: int
) -> None:
    found, lines = processes.run(tmp_path, file_bytes=kilobytes * 1024)
    assert found == "StorageError", lines
    assert "--data_dir" in lines[0] or "disk" in lines[0]
    assert not list(tmp_path.rglob("digest.json"))
    assert processes.run(tmp_path)[0] == unbroken[0]
    assert _leftovers(tmp_path) == []


HOST = """
import sys
import jax
number, address, manual_dir, data_dir = sys.argv[1:]
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(address, num_processes=2, process_id=int(number))
from aedenoise.data.reading import load
from aedenoise.runtime.distributed import first_process_first
lines = []
data = first_process_first(
    lambda: load("notmnist/small", data_dir, lines.append, manual_dir=manual_dir)
)
print(data.digest, len(lines))
"""


@pytest.mark.slow
def test_of_several_hosts_the_first_prepares(
    processes: Processes, unbroken: tuple[str, float], tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    places = [address, str(processes.archive.parent), str(tmp_path)]
    hosts = [
        subprocess.Popen(
            [sys.executable, "-c", HOST, str(number), *places],
            cwd=ROOT,
            env=command_environment(str(tmp_path)),
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    said = [host.communicate(timeout=120)[0].splitlines()[-1].split() for host in hosts]
    assert [host.returncode for host in hosts] == [0, 0]
    assert said == [[unbroken[0], "2"], [unbroken[0], "0"]]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="--data_dir"):
        load("notmnist/open", str(tmp_path / "data"))
