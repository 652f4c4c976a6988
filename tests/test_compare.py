"""``--mode=compare`` as users run it: stopped, continued, shared, and reported again."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, Command, command_environment

TINY = [
    "--mode=compare",
    "--experiment=debug",
    "--encoder_features=4,4",
    "--decoder_features=4,4",
    "--train_examples=200",
    "--test_examples=40",
    "--decoders=upsample,transpose:k3",
    "--steps=12",
]
SEEDS = 6
CELLS = 2 * SEEDS


def start(folder: Path, data_dir: str) -> subprocess.Popen[str]:
    """A process that compares decoders in ``folder``."""
    return subprocess.Popen(
        [sys.executable, "-m", "aedenoise.main", *TINY, f"--seeds={SEEDS}", f"--workdir={folder}"],
        cwd=ROOT,
        env=command_environment(data_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def trained(output: str) -> list[str]:
    """The cells that a process says it has trained."""
    return re.findall(r"^\d+/\d+ (.*): [\d.]+ dB", output, re.MULTILINE)


def tables(folder: Path) -> dict[str, bytes]:
    names = ("cells.csv", "curves.csv", "differences.csv", "tables.md")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.end_to_end
def test_a_grid_is_stopped_continued_and_shared_and_no_cell_is_trained_twice(
    command: Command, data_dir: str, tmp_path: Path
) -> None:
    folder = tmp_path / "grid"
    first = start(folder, data_dir)
    deadline = time.monotonic() + 120
    while len(list(folder.glob("cells/*.json"))) < 2:
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first.send_signal(signal.SIGTERM)
    begun, err = first.communicate(timeout=60)
    assert (first.returncode, err) == (0, "")
    assert re.search(
        r"SIGTERM: \d+ of 12 cells are left, or with other processes; the same command continues",
        begun,
    )
    assert (folder / "tables.md").exists()

    both = [start(folder, data_dir) for _ in range(2)]
    outputs = [process.communicate(timeout=180) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    every = trained(begun) + [cell for output, _ in outputs for cell in trained(output)]
    assert len(every) == len(set(every)) == CELLS
    assert len(list(folder.glob("cells/*.json"))) == CELLS
    assert not list(folder.glob("cells/.*"))

    before = tables(folder)
    (folder / "tables.md").unlink()
    done = command("--mode=report", f"--workdir={folder}")
    assert done.returncode == 0, done.stderr
    assert tables(folder) == before
    assert "transpose k3" in done.stdout
    assert "6 seeds, notmnist/open, noise 0.4, 12 steps, equal parameters" in done.stdout
    assert (folder / "figures" / "differences_psnr.png").stat().st_size > 1000

    refused = command(*TINY, "--seeds=2", "--noise_level=0.3", f"--workdir={folder}", timeout=60)
    assert refused.returncode == 3
    assert "holds another study: noise_levels (0.4, now 0.3)" in refused.stderr
    assert tables(folder) == before


@pytest.mark.end_to_end
def test_parts_and_diverged_cells(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "grid"
    flags = [*TINY, "--seeds=2", "--learning_rate=1e12", f"--workdir={folder}"]
    half = command(*flags, "--part=1/2", "--seeds_at_once=2")
    assert half.returncode == 0, half.stderr
    assert "2 of 4 cells are left" in half.stdout
    rest = command(*flags)
    assert rest.returncode == 0, rest.stderr
    assert rest.stdout.count("training diverged by step") == 4
    assert "No cell diverged" not in rest.stdout
    assert "Nothing to compare yet." in rest.stdout
