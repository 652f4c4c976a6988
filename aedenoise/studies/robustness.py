"""``--mode=robustness``: PSNR of networks trained on one noise each and tested on others."""

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
from aedenoise.training.workdir import Workdir


@dataclass(frozen=True)
class RobustnessPlan:
    """Experiment with its training and test noises.

    Attributes:
      base: experiment whose noise is replaced.
      train, test: noises, each of them once.

    Raises:
      UsageError: if a noise is repeated or does not suit the experiment.
    """

    base: Experiment
    train: tuple[NoiseConfig, ...]
    test: tuple[NoiseConfig, ...]

    def __post_init__(self) -> None:
        for name, noises in (("train_noises", self.train), ("test_noises", self.test)):
            if not noises or len({noise.label for noise in noises}) < len(noises):
                raise UsageError(f"--{name} must name each noise once")
        self.base.check_denoises()
        # Invalid combinations must be reported before hours of training.
        for noise in self.train:
            self.base.trained_on(noise)


def robustness(
    plan: RobustnessPlan, options: RunOptions, signals: StopSignals
) -> dict[str, Any] | None:
    """Trains a network per training noise and tests each on all test noises.

    Each run has its own folder in ``options.workdir``. Repeating the call resumes it; finished
    runs are not trained again.

    Returns:
      The content of ``robustness.json``; None if a signal stopped it.
    """
    # Asked now, not after hours of training.
    Workdir(options.workdir).check_writable()
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
    """Returns the folder name of the run trained on ``noise``."""
    return noise.label.replace(" ", "-").replace(":", "-")


def _tested(plan: RobustnessPlan, options: RunOptions) -> dict[str, Any]:
    params = [load_denoiser(options.workdir / folder_name(n)).params for n in plan.train]
    psnr: list[list[float]] = [[] for _ in plan.train]
    noisy: list[float] = []
    workload: DenoisingWorkload | None = None
    for noise in plan.test:
        experiment = plan.base.tested_on(noise)
        # Loads the dataset once; only the noise differs between workloads.
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
