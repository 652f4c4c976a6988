"""A run that is unfinished, or made its own test images worse, is told of before it is used."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from conftest import ROOT, Command
from helpers import small

from aedenoise.config.options import RunOptions
from aedenoise.inference.denoiser import load_denoiser
from aedenoise.inference.saved_run import describe_loss_of_quality, describe_unfinished
from aedenoise.runs.train import train
from aedenoise.runtime.preemption import StopSignals
from aedenoise.training.workdir import Workdir


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ({"eval": {"psnr": 8.0}, "noisy": {"psnr": 17.5}}, "from 17.50 to 8.00 dB"),
        ({"eval": {"psnr": 20.0}, "noisy": {"psnr": 17.5}}, ""),
        (
            {
                "eval": None,
                "estimates": {"psnr_estimate": 10.4},
                "noisy": {"psnr_estimate": 20.0},
            },
            "from 20.00 to 10.40 dB",
        ),
        ({"estimates": {"psnr_estimate": 25.0}, "noisy": {"psnr_estimate": 20.0}}, ""),
        ({"eval": None}, ""),
        ([], ""),
    ],
)
def test_a_loss_of_quality_is_described(results: object, told: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(results))
    line = describe_loss_of_quality(Workdir(tmp_path))
    assert told in line
    assert bool(line) == bool(told)


def test_a_run_without_readable_results_is_not_judged(tmp_path: Path) -> None:
    assert describe_loss_of_quality(Workdir(tmp_path)) == ""
    (tmp_path / "results.json").write_text("{")
    assert describe_loss_of_quality(Workdir(tmp_path)) == ""


def test_an_unfinished_run_says_so_until_it_has_ended(
    command: Command, data_dir: str, tmp_path: Path
) -> None:
    experiment = small(epochs=2, data__train_examples=80)
    run = Workdir(tmp_path / "run")
    options = RunOptions(workdir=run.path, data_dir=data_dir, baselines=False)
    signals = StopSignals()
    signals.received = signal.SIGTERM
    assert train(experiment, options, signals) is None
    step = load_denoiser(run.path).step
    total = 2 * -(-80 // experiment.batch_size)
    assert 0 < step < total
    page = f"--input={ROOT / 'docs' / 'samples' / 'letter.png'}"
    flags = ("denoise", page, f"--workdir={run.path}", f"--output={tmp_path}/letter.png")
    done = command(*flags)
    assert done.returncode == 0, done.stderr
    assert f"is unfinished, at step {step} of {total}: the result may be poor" in done.stderr
    assert train(experiment, options) is not None
    assert describe_unfinished(run, load_denoiser(run.path).step) == ""
    assert "is unfinished" not in command(*flags, "--overwrite").stderr


def test_an_unfinished_run_without_its_facts_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    assert "is unfinished, at step 1,000: the" in describe_unfinished(Workdir(tmp_path), 1000)
