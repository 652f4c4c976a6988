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

from aedenoise.studies.comparison.compare import report_study

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
SEEDS = 4
CELLS = 2 * SEEDS


def start(folder: Path, data_dir: str) -> subprocess.Popen[str]:
    """Starts a process that compares decoders in ``folder``."""
    return subprocess.Popen(
        [sys.executable, "-m", "aedenoise.main", *TINY, f"--seeds={SEEDS}", f"--workdir={folder}"],
        cwd=ROOT,
        env=command_environment(data_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def trained(output: str) -> list[str]:
    """Returns the cells that a process reports as trained."""
    return re.findall(r"^\d+/\d+ (.*): [\d.]+ dB", output, re.MULTILINE)


def tables(folder: Path) -> dict[str, bytes]:
    names = ("cells.csv", "curves.csv", "spectra.csv", "differences.csv", "tables.md")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_grid_is_shared_stopped_and_continued_and_no_cell_is_trained_twice(
    data_dir: str, tmp_path: Path
) -> None:
    folder = tmp_path / "grid"
    stopped, other = (start(folder, data_dir) for _ in range(2))
    deadline = time.monotonic() + 120
    while len(list(folder.glob("cells/*.json"))) < 2:
        assert stopped.poll() is None, stopped.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stopped.send_signal(signal.SIGTERM)
    outputs = [process.communicate(timeout=180) for process in (stopped, other)]
    assert [stopped.returncode, other.returncode] == [0, 0], outputs
    assert re.search(
        r"SIGTERM: \d+ of 8 cells are unfinished or in other processes; the same command continues",
        outputs[0][0],
    )
    last = start(folder, data_dir)  # has what the first gave up when it was stopped
    outputs.append(last.communicate(timeout=180))
    assert last.returncode == 0
    assert "4 seeds, notmnist/open, noise 0.4, 12 steps, equal parameters" in outputs[-1][0]
    every = [cell for output, _ in outputs for cell in trained(output)]
    assert len(every) == len(set(every)) == CELLS
    assert [error for _, error in outputs] == ["", "", ""]
    assert len(list(folder.glob("cells/*.json"))) == CELLS
    assert not list(folder.glob("cells/.*"))
    assert (folder / "figures" / "differences_psnr.png").stat().st_size > 1000

    before = tables(folder)
    (folder / "tables.md").unlink()
    report_study(folder)
    assert tables(folder) == before


@pytest.mark.end_to_end
@pytest.mark.slow
def test_parts_and_diverged_cells(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "grid"
    # Wide enough that no layer falls silent as a whole: its network would end with finite values.
    wide = ["--encoder_features=16,16", "--decoder_features=16,16"]
    flags = [*TINY, *wide, "--seeds=2", "--learning_rate=1e12", f"--workdir={folder}"]
    half = command(*flags, "--part=1/2", "--seeds_at_once=2")
    assert half.returncode == 0, half.stderr
    assert "2 of 4 cells are unfinished" in half.stdout
    rest = command(*flags)
    assert rest.returncode == 0, rest.stderr
    assert rest.stdout.count("training diverged by step") == 4
    assert "No cell diverged" not in rest.stdout
    assert "Nothing to compare yet." in rest.stdout
