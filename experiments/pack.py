"""Packs a trained network, its scores and its calibration; see experiments/pretrained.py.

python -m experiments.pack --run=runs/pretrained
python -m experiments.pack    # calibrates the packed network again
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path
from typing import Any

from aedenoise.config import DataConfig, NoiseConfig
from aedenoise.config.options import RunOptions
from aedenoise.files import write_json
from aedenoise.inference.denoiser import Denoiser, load_denoiser
from aedenoise.inference.pretrained import load_pretrained, pack, pretrained_record
from aedenoise.runs.calibrate import calibrate_denoiser, coverage_table, measure_denoiser
from aedenoise.runs.denoising import make_denoising_workload
from aedenoise.training.workdir import Workdir

LEVELS = (0.1, 0.2, 0.4, 0.6)
PACKAGE = Path(__file__).resolve().parent.parent / "aedenoise" / "inference" / "files"


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
            own = dataclasses.replace(experiment, data=DataConfig(dataset=dataset))
            workload = make_denoising_workload(own, options, notify=print, training=False)
            alone[dataset] = measure_denoiser(denoiser, made, workload)
    return {**made.to_json(), "by_dataset": alone}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", help="workdir of the trained experiment")
    parser.add_argument("--output", type=Path, default=PACKAGE, help="folder of the packed files")
    given = parser.parse_args()
    if given.run is None:
        record = {**pretrained_record(), "calibration": calibration(load_pretrained())}
        write_json(given.output / "pretrained.json", record, indent=1)
        return
    denoiser = load_denoiser(given.run)
    config = Workdir(Path(given.run)).read_config()
    facts = {
        "command": config["command"],
        "dataset": config["dataset"],
        "environment": config["environment"],
        "scores": scores(denoiser),
        "calibration": calibration(denoiser),
    }
    given.output.mkdir(parents=True, exist_ok=True)
    pack(denoiser, given.output, facts)


if __name__ == "__main__":
    main()
