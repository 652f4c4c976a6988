"""Measurement of trained networks: classes read before and after denoising, and their pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aedenoise.config import NoiseConfig
from aedenoise.config.options import RunOptions
from aedenoise.data.reading import Dataset
from aedenoise.errors import CheckpointError, DataError, UsageError
from aedenoise.evaluation.classifier import TrainedClassifier, load_classifier
from aedenoise.inference.denoiser import Denoiser, load_denoiser
from aedenoise.metrics.label_flips import LabelFlips
from aedenoise.reporting.class_map_figures import MapExample
from aedenoise.reporting.label_flip_figures import Example
from aedenoise.runs.calibrate import calibrate_run
from aedenoise.runs.denoising import DenoisingWorkload, make_denoising_workload
from aedenoise.runs.hooks import say
from aedenoise.studies.hallucination.class_verdicts import judge_classes
from aedenoise.studies.hallucination.networks import Network
from aedenoise.studies.hallucination.predictions import predict_classes
from aedenoise.studies.hallucination.report import NOISY, Outcome
from aedenoise.training.run_files import well_formed
from aedenoise.training.workdir import Workdir

# Flipped images per row of the gallery, and its largest number of rows.
_SHOWN, _ROWS = 5, 24


class Shared:
    """Datasets and classifiers shared by the networks, loaded once."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self.checkpoint_dir = options.checkpoint_dir
        self._datasets: dict[Any, Dataset] = {}
        self.classifiers: dict[str, TrainedClassifier] = {}

    def set_up(self, network: Network, noise: NoiseConfig) -> DenoisingWorkload:
        """Makes the workload of ``network`` with ``noise`` and loads the classifier of its data."""
        data = network.experiment.data
        workload = make_denoising_workload(
            # Also replaces losses that demand a certain noise; no loss is used here.
            network.experiment.tested_on(noise),
            self._options,
            notify=say,
            training=False,
            dataset=self._datasets.get(data),
        )
        if data not in self._datasets:
            self._datasets[data] = workload.dataset
            if workload.dataset.name in self.classifiers:
                raise UsageError(
                    f"runs use {workload.dataset.name} with different options; test them separately"
                )
            self.classifiers[workload.dataset.name] = load_classifier(
                workload.dataset, lowering=workload.lowering, notify=say
            )
        return workload

    def calibrate(self, network: Network, denoiser: Denoiser) -> None:
        """Calibrates the intervals of a network that were not; says why where it cannot."""
        if denoiser.calibration is not None:
            return
        folder = network.folder
        say(f"{folder} is not calibrated: calibrating on half of its test images")
        own = dataclasses.replace(self._options, workdir=folder)
        dataset = self._datasets.get(network.experiment.data)
        try:
            denoiser.calibration = calibrate_run(own, denoiser=denoiser, dataset=dataset)
        except (CheckpointError, DataError) as error:
            say(f"no maps of classes for {network.name}: {error}")


@dataclass(frozen=True)
class Measured:
    """Measurements of all networks.

    Attributes:
      outcomes: results, those of the noisy inputs first.
      verdicts: records of calibrated networks, see ``class_verdicts.judge_classes``.
      examples: rows of the gallery.
      maps: images with maps, by network.
    """

    outcomes: list[Outcome]
    verdicts: list[dict[str, Any]]
    examples: list[Example]
    maps: dict[str, MapExample]


def measure_networks(networks: Sequence[Network], shared: Shared) -> Measured:
    """Counts the label flips of trained networks and judges their images within intervals.

    Networks without a calibration are calibrated first, as by ``denoise --uncertainty``.

    Raises:
      DataError: if no test image is classified correctly.
    """
    noisy: dict[tuple[str, str], Outcome] = {}
    found = Measured([], [], [], {})
    for network in networks:
        denoiser = load_denoiser(network.folder, checkpoint_dir=shared.checkpoint_dir)
        shared.calibrate(network, denoiser)
        workdir = Workdir(network.folder)
        with well_formed(workdir.config):
            steps = workdir.read_config()["total_steps"]
        for noise in network.noises:
            workload = shared.set_up(network, noise)
            data = workload.dataset.name
            classifier = shared.classifiers[data]
            predictions = predict_classes(workload, denoiser.params, classifier)
            if not predictions.denoised.judged.any():
                raise DataError(
                    f"the classifier of {data} is wrong on every test image; "
                    "provide more training images"
                )
            condition = {"dataset": data, "noise": noise.label, "level": noise.level}
            # The same for every network with this data and noise.
            noisy.setdefault(
                (data, noise.label),
                Outcome(NOISY, None, predictions.noisy_psnr, predictions.noisy, condition),
            )
            flips = predictions.denoised
            found.outcomes.append(Outcome(network.name, steps, predictions.psnr, flips, condition))
            name = f"{network.name}\n{data}\n{noise.label}"
            shown = flips.most_confident(_SHOWN)
            if len(shown):
                found.examples.append(
                    Example(
                        name,
                        _pictures(workload, denoiser, shown),
                        _titles(classifier, flips, shown),
                    )
                )
            if denoiser.calibration is None:
                continue
            judged = judge_classes(workload, denoiser, classifier, flips)
            if judged is not None:
                found.verdicts.append({"name": network.name, **condition, **judged[0]})
                found.maps[name] = judged[1]
    return dataclasses.replace(
        found, outcomes=[*noisy.values(), *found.outcomes], examples=found.examples[:_ROWS]
    )


def _pictures(workload: DenoisingWorkload, denoiser: Denoiser, shown: np.ndarray) -> np.ndarray:
    pictures = list(workload.examples(denoiser.params, shown))
    # Where a calibrated network is unsure of the image that shows another class.
    if denoiser.calibration is not None:
        pictures.append(denoiser.half_width(*pictures[1:]))
    return np.stack(pictures, axis=1)


def _titles(classifier: TrainedClassifier, flips: LabelFlips, shown: np.ndarray) -> list[str]:
    names = classifier.names
    return [
        f"{names[flips.labels[i]]} \N{RIGHTWARDS ARROW} {names[flips.became[i]]}" for i in shown
    ]
