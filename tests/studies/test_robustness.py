"""Networks trained on one noise and tested on others."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import small

from aedenoise.config import NoiseConfig, noise_from_text
from aedenoise.config.options import RunOptions
from aedenoise.errors import UsageError
from aedenoise.runs.evaluate import evaluate_run
from aedenoise.runtime.preemption import StopSignals
from aedenoise.studies.robustness import RobustnessPlan, folder_name, robustness
from aedenoise.training.workdir import Workdir

BASE = NoiseConfig(mean=0.1)


@pytest.mark.parametrize(
    ("text", "label", "mean"),
    [
        ("masking", "masking 0.4", 0.0),
        ("gaussian:0.2", "gaussian 0.2", 0.1),
        ("gaussian:0.2:0.6", "gaussian 0.2 to 0.6", 0.1),
        ("poisson:0.1+uniform:0.2", "poisson:0.1+uniform:0.2", 0.1),
    ],
)
def test_noise_from_text(text: str, label: str, mean: float) -> None:
    noise = noise_from_text(text, BASE)
    assert (noise.label, noise.mean) == (label, mean)
    assert folder_name(noise).isascii()
    assert set(folder_name(noise)).isdisjoint(" :/")


@pytest.mark.parametrize("text", ["", "fog", "gaussian:", "gaussian:0.1:0.2:0.3", "masking:2"])
def test_what_is_no_noise(text: str) -> None:
    with pytest.raises(UsageError):
        noise_from_text(text, NoiseConfig())


@pytest.mark.slow
def test_the_map_is_what_single_evaluations_say(data_dir: str, tmp_path: Path) -> None:
    noises = [noise_from_text(text, NoiseConfig()) for text in ("gaussian:0.1", "masking:0.5")]
    plan = RobustnessPlan(small(epochs=3), tuple(noises), (*noises, NoiseConfig(level=0.6)))
    options = RunOptions(workdir=tmp_path, data_dir=data_dir)
    found = robustness(plan, options, StopSignals())
    assert found is not None
    assert np.array(found["psnr"]).shape == (2, 3)
    assert json.loads((tmp_path / "robustness.json").read_text()) == found
    assert (tmp_path / "robustness.png").stat().st_size > 5000
    folder = tmp_path / "masking-0.5"
    trained = Workdir(folder).read_experiment()
    assert trained.noise == noises[1]
    own = RunOptions(workdir=folder, data_dir=data_dir, baselines=False)
    assert evaluate_run(trained, own)["eval"]["psnr"] == pytest.approx(
        found["psnr"][1][1], abs=1e-4
    )
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/results.json")}
    begun = time.monotonic()
    assert robustness(plan, options, StopSignals()) == found
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert time.monotonic() - begun < 60.0


def test_noises_that_are_named_twice() -> None:
    noise = NoiseConfig()
    with pytest.raises(UsageError, match="train_noises must name each noise once"):
        RobustnessPlan(small(), (noise, noise), (noise,))
