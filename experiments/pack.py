"""Packs a trained network and its scores into the package; see experiments/pretrained.py.

python -m experiments.pack --run=runs/pretrained
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path
from typing import Any

from aedenoise.config import DataConfig, NoiseConfig
from aedenoise.config.options import RunOptions
from aedenoise.inference.denoiser import Denoiser, load_denoiser
from aedenoise.inference.pretrained import pack
from aedenoise.runs.denoising import make_denoising_workload
from aedenoise.training.workdir import Workdir

LEVELS = (0.1, 0.2, 0.4, 0.6)
PACKAGE = Path(__file__).resolve().parent.parent / "aedenoise" / "evaluation" / "files"


def scores(denoiser: Denoiser) -> list[dict[str, Any]]:
    """Measures quality on each test split at each noise level."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        options = RunOptions(workdir=Path(folder))
        for dataset in denoiser.experiment.data.parts:
            for level in LEVELS:
                experiment = dataclasses.replace(
                    denoiser.experiment,
                    data=DataConfig(dataset=dataset),
                    noise=NoiseConfig(level=level),
                )
                workload = make_denoising_workload(
                    experiment, options, notify=print, training=False
                )
                results = workload.evaluate(denoiser.params)
                found.append(
                    {
                        "dataset": dataset,
                        "noise_level": level,
                        "psnr": round(results["denoised"]["psnr"], 2),
                        "ssim": round(results["denoised"]["ssim"], 4),
                        "noisy_psnr": round(results["noisy"]["psnr"], 2),
                    }
                )
                print(found[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="workdir of the trained experiment")
    parser.add_argument("--output", type=Path, default=PACKAGE, help="folder of the packed files")
    given = parser.parse_args()
    denoiser = load_denoiser(given.run)
    config = Workdir(Path(given.run)).read_config()
    facts = {
        "command": config["command"],
        "dataset": config["dataset"],
        "environment": config["environment"],
        "scores": scores(denoiser),
    }
    given.output.mkdir(parents=True, exist_ok=True)
    pack(denoiser, given.output, facts)


if __name__ == "__main__":
    main()
