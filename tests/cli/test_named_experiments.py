"""Every named experiment, made small, runs from the command line to its results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from PIL import Image

from aedenoise.config.registry import named_experiments
from experiments.validation import write as write_validation

SMALL = ("--epochs=1", "--train_examples=512", "--test_examples=128")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Writes the files that some experiments read, relative to where they run."""
    rng = np.random.default_rng(0)
    for number in range(4):
        pixels = rng.integers(0, 256, (96, 128, 3), np.uint8)
        for folder, shown in (
            ("grey/photographs", pixels[..., 0]),
            ("packed_photos_colour/photographs", pixels),
            ("grey/scans/noisy", pixels[..., 0]),
            ("grey/scans/clean", pixels[..., 0]),
        ):
            path = tmp_path / folder / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(shown).save(path)
    for name in ("rates", "rates_noise", "rates_long"):
        write_validation("notmnist/open", tmp_path / name / "validation")
    write_validation("mnist", tmp_path / "rates_mnist" / "validation")
    return tmp_path


@pytest.mark.slow
@pytest.mark.end_to_end
@pytest.mark.parametrize("name", list(named_experiments()))
def test_a_small_named_experiment_trains(command: Command, pictures: Path, name: str) -> None:
    cwd = pictures / (name if (pictures / name).is_dir() else "grey")
    workdir = cwd / "run"
    done = command(f"--experiment={name}", *SMALL, f"--workdir={workdir}", cwd=cwd, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    results = json.loads((workdir / "results.json").read_text())
    assert results["train"]["epochs"] == 1
    changed = [line for line in done.stdout.splitlines() if " instead of " in line]
    assert len(changed) == (name in ("keras_io", "sdae")), changed
