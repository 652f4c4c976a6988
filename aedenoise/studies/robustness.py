"""``--mode=robustness``: networks trained on one noise each, tested on others; a heat map in dB."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aedenoise.config import Experiment, NoiseConfig
from aedenoise.config.options import RunOptions
from aedenoise.errors import UsageError
from aedenoise.files import write_json
from aedenoise.inference.denoiser import load_denoiser
from aedenoise.reporting.figures import heat_map
from aedenoise.runs.denoising import DenoisingWorkload, make_denoising_workload
from aedenoise.runs.hooks import say
from aedenoise.runs.train import train
from aedenoise.runtime.preemption import StopSignals


@dataclass(frozen=True)
class RobustnessPlan:
    """What is trained on, and what is tested on.

    Attributes:
      base: the experiment, but for its noise.
      train, test: noises; none of them twice.
    """

    base: Experiment
    train: tuple[NoiseConfig, ...]
    test: tuple[NoiseConfig, ...]

    def __post_init__(self) -> None:
        for name, noises in (("train_noises", self.train), ("test_noises", self.test)):
            if not noises or len({noise.label for noise in noises}) < len(noises):
                raise UsageError(f"--{name} must name each noise once")
        self.base.check_denoises()
        for noise in self.train:
            self.base.trained_on(noise)


def robustness(
    plan: RobustnessPlan, options: RunOptions, signals: StopSignals
) -> dict[str, Any] | None:
    """Trains a run for each noise, in a folder of its own in ``options.workdir``, and tests all.

    The same call again goes on where it was stopped; finished runs are not trained again.

    Returns:
      What is also written to ``robustness.json``; None if a signal stopped it.
    """
    for number, noise in enumerate(plan.train, start=1):
        say(f"network {number} of {len(plan.train)}: {noise}")
        own = dataclasses.replace(
            options, workdir=options.workdir / folder_name(noise), baselines=False
        )
        if train(plan.base.trained_on(noise), own, signals) is None:
            return None
    found = _tested(plan, options)
    write_json(options.workdir / "robustness.json", found)
    say(_table(found))
    heat_map(
        options.workdir / "robustness.png",
        np.array(found["psnr"]),
        rows=found["train"],
        columns=found["test"],
        title="test PSNR, dB: trained on (rows), tested on (columns)",
    )
    say(f"table and heat map are in {options.workdir}")
    return found


def folder_name(noise: NoiseConfig) -> str:
    """A name for the folder of a run on ``noise``."""
    return noise.label.replace(" ", "-").replace(":", "-")


def _tested(plan: RobustnessPlan, options: RunOptions) -> dict[str, Any]:
    params = [load_denoiser(options.workdir / folder_name(n)).params for n in plan.train]
    psnr: list[list[float]] = [[] for _ in plan.train]
    noisy: list[float] = []
    workload: DenoisingWorkload | None = None
    for noise in plan.test:
        experiment = plan.base.tested_on(noise)
        dataset = None if workload is None else workload.dataset
        workload = make_denoising_workload(
            experiment, options, notify=say, training=False, dataset=dataset
        )
        for row, trained in zip(psnr, params, strict=True):
            results = workload.evaluate(trained)
            row.append(results["denoised"]["psnr"])
        noisy.append(results["noisy"]["psnr"])
    return {
        "train": [noise.label for noise in plan.train],
        "test": [noise.label for noise in plan.test],
        "psnr": psnr,
        "noisy": noisy,
    }


def _table(found: dict[str, Any]) -> str:
    rows: Sequence[tuple[str, list[float]]] = [
        *zip(found["train"], found["psnr"], strict=True),
        ("noisy input", found["noisy"]),
    ]
    width = max(len(name) for name, _ in rows) + 2
    cells = [max(len(name), 6) + 2 for name in found["test"]]
    lines = ["PSNR, dB: trained on (rows), tested on (columns)"]
    lines.append(
        " " * width + "".join(f"{n:>{w}}" for n, w in zip(found["test"], cells, strict=True))
    )
    for name, values in rows:
        shown = (f"{value:>{w}.2f}" for value, w in zip(values, cells, strict=True))
        lines.append(f"{name:<{width}}" + "".join(shown))
    return "\n".join(lines)
