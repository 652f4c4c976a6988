"""Packs a trained network and its scores into the package.

python -m experiments.pack --run=runs/pretrained --name=letters
python -m experiments.pack --run=runs/packed_photos --name=photos

See experiments/pretrained.py and experiments/packed_photos.py.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path
from typing import Any

from aedenoise.config import NoiseConfig
from aedenoise.config.options import PACKED, RunOptions
from aedenoise.inference.denoiser import Denoiser, load_denoiser
from aedenoise.inference.pretrained import pack, without_place
from aedenoise.runs.denoising import make_denoising_workload
from aedenoise.training.workdir import Workdir

# Levels of Gaussian noise for the scores.
LEVELS = {"letters": (0.1, 0.2, 0.4, 0.6), "photos": (0.05, 0.1, 0.25)}
PACKAGE = Path(__file__).resolve().parent.parent / "aedenoise" / "inference" / "files"


def scores(denoiser: Denoiser, name: str) -> list[dict[str, Any]]:
    """Measures quality on each test split at each noise level of a packed network."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        options = RunOptions(workdir=Path(folder))
        for dataset in denoiser.experiment.data.parts:
            for level in LEVELS[name]:
                experiment = dataclasses.replace(
                    denoiser.experiment,
                    data=dataclasses.replace(denoiser.experiment.data, dataset=dataset),
                    noise=NoiseConfig(level=level),
                )
                workload = make_denoising_workload(
                    experiment, options, notify=print, training=False
                )
                results = workload.evaluate(denoiser.params)
                found.append(
                    {
                        "dataset": without_place(dataset),
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
    parser.add_argument("--name", required=True, choices=PACKED, help="name in the package")
    parser.add_argument("--output", type=Path, default=PACKAGE, help="folder of the packed files")
    given = parser.parse_args()
    denoiser = load_denoiser(given.run)
    config = Workdir(Path(given.run)).read_config()
    dataset = config["dataset"]
    facts = {
        "command": f"python -m aedenoise.main --experiment={denoiser.experiment.name}",
        "dataset": {**dataset, "name": without_place(dataset["name"])},
        "environment": config["environment"],
        "scores": scores(denoiser, given.name),
    }
    given.output.mkdir(parents=True, exist_ok=True)
    pack(denoiser, given.name, given.output, facts)


if __name__ == "__main__":
    main()
