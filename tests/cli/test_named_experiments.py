"""Every named experiment, made small, runs from the command line to its results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Command

from aedenoise.config.registry import named_experiments

SMALL = ("--epochs=1", "--train_examples=512", "--test_examples=128")


@pytest.mark.slow
@pytest.mark.end_to_end
@pytest.mark.parametrize("name", list(named_experiments()))
def test_a_small_named_experiment_trains(command: Command, tmp_path: Path, name: str) -> None:
    workdir = tmp_path / name
    done = command(f"--experiment={name}", *SMALL, f"--workdir={workdir}", timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    results = json.loads((workdir / "results.json").read_text())
    assert results["train"]["epochs"] == 1
    changed = [line for line in done.stdout.splitlines() if " instead of " in line]
    assert len(changed) == (name in ("keras_io", "sdae")), changed
