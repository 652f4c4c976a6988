"""Lines that say what the results of a run are worth."""

from __future__ import annotations

import pytest

from aedenoise.reporting.result_lines import nothing_learnt, worse_than_input


def evaluation(denoised: float, noisy: float = 11.0) -> dict[str, dict[str, float]]:
    return {
        "denoised": {"psnr": denoised},
        "noisy": {"psnr": noisy, "mse": 0.08},
        "mean_image": {"psnr": 7.0},
        "black": {"psnr": 5.0},
    }


@pytest.mark.parametrize(
    ("denoised", "told"),
    [
        (5.2, "no better than a black image"),
        (7.1, "no better than the mean training image"),
        (10.9, "makes pictures WORSE, from 11.00 to 10.90 dB"),
        (11.1, ""),
    ],
)
def test_a_useless_network_is_told(denoised: float, told: str) -> None:
    line = nothing_learnt(evaluation(denoised), "mse", 80)
    assert told in line
    assert bool(line) == bool(told)


def test_without_noise_no_network_can_be_worse_than_its_input() -> None:
    clean = evaluation(30.0, noisy=120.0)
    clean["noisy"]["mse"] = 0.0
    assert nothing_learnt(clean, "mse", 80) == ""


def test_the_remedy_names_the_steps() -> None:
    assert worse_than_input(17.68, 22.76, 4).endswith(
        "(it had 4 steps): more --epochs, in a new --workdir or with --overwrite"
    )
    assert worse_than_input(22.76, 17.68, 4) == ""
