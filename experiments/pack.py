"""Packs a trained network, its scores and its calibration into the package.

python -m experiments.pack --name=letters --run=runs/pretrained
python -m experiments.pack --name=photos --run=runs/packed_photos
python -m experiments.pack --name=photos_colour --run=runs/packed_photos_colour
python -m experiments.pack --name=pages --run=runs/packed_pages
python -m experiments.pack --name=letters    # calibrates the packed network again

See experiments/pretrained.py, experiments/packed_photos.py and the others by such names.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path
from typing import Any

from aedenoise.config import NoiseConfig
from aedenoise.config.denoise_options import PACKED
from aedenoise.config.options import RunOptions
from aedenoise.files import write_json
from aedenoise.inference.denoiser import Denoiser, load_denoiser
from aedenoise.inference.pretrained import (
    load_pretrained,
    pack,
    pretrained_record,
    without_place,
)
from aedenoise.runs.calibrate import calibrate_denoiser, coverage_table, measure_denoiser
from aedenoise.runs.denoising import make_denoising_workload
from aedenoise.training.workdir import Workdir

# Levels of Gaussian noise for the scores; pairs have a noise of their own.
LEVELS = {
    "letters": (0.1, 0.2, 0.4, 0.6),
    "pages": (0.0,),
    "photos": (0.05, 0.1, 0.25),
    "photos_colour": (0.05, 0.1, 0.25),
}
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
                    noise=NoiseConfig(level=level) if level else denoiser.experiment.noise,
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


def calibration(denoiser: Denoiser) -> dict[str, Any]:
    """Calibrates the intervals over the range of noise levels of the training."""
    with tempfile.TemporaryDirectory() as folder:
        options = RunOptions(workdir=Path(folder))
        experiment = denoiser.experiment
        workload = make_denoising_workload(experiment, options, notify=print, training=False)
        made = calibrate_denoiser(denoiser, workload)
        print(coverage_table(made.record))
        alone = {}
        for dataset in experiment.data.parts:
            own = dataclasses.replace(
                experiment, data=dataclasses.replace(experiment.data, dataset=dataset)
            )
            workload = make_denoising_workload(own, options, notify=print, training=False)
            alone[without_place(dataset)] = measure_denoiser(denoiser, made, workload)
    found = made.to_json()
    return {**found, "dataset": without_place(found["dataset"]), "by_dataset": alone}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, choices=PACKED, help="name in the package")
    parser.add_argument("--run", help="workdir of the trained experiment")
    parser.add_argument("--output", type=Path, default=PACKAGE, help="folder of the packed files")
    given = parser.parse_args()
    if given.run is None:
        calibrated = calibration(load_pretrained(given.name))
        record = {**pretrained_record(given.name), "calibration": calibrated}
        write_json(given.output / f"{given.name}.json", record, indent=1)
        return
    denoiser = load_denoiser(given.run)
    config = Workdir(Path(given.run)).read_config()
    dataset = config["dataset"]
    facts = {
        "command": f"python -m aedenoise.main --experiment={denoiser.experiment.name}",
        "dataset": {**dataset, "name": without_place(dataset["name"])},
        "environment": config["environment"],
        "scores": scores(denoiser, given.name),
        "calibration": calibration(denoiser),
    }
    given.output.mkdir(parents=True, exist_ok=True)
    pack(denoiser, given.name, given.output, facts)


if __name__ == "__main__":
    main()
