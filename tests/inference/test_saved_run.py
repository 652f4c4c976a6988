"""A run that made its own test images worse is told of before it is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aedenoise.inference.saved_run import describe_loss_of_quality
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
