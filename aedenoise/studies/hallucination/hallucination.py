"""``--mode=invent``, alias hallucination: frequency of label flips caused by denoising."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aedenoise.config import Experiment, NoiseConfig
from aedenoise.config.options import RunOptions
from aedenoise.config.study import display_name, slug, with_decoder
from aedenoise.data.reading import Dataset
from aedenoise.errors import CheckpointError, DataError, UsageError
from aedenoise.evaluation.classifier import TrainedClassifier, load_classifier
from aedenoise.files import write_atomically, write_json
from aedenoise.inference.denoiser import load_denoiser
from aedenoise.reporting.console import time_range
from aedenoise.reporting.label_flip_figures import Example, gallery_figure, shares_figure
from aedenoise.runs.denoising import DenoisingWorkload, make_denoising_workload
from aedenoise.runs.hooks import say
from aedenoise.runs.records import environment
from aedenoise.runs.train import train
from aedenoise.runtime.preemption import StopSignals
from aedenoise.runtime.process import prepare_process
from aedenoise.studies.hallucination.predictions import predict_classes
from aedenoise.studies.hallucination.report import (
    NOISY,
    Outcome,
    flips_table,
    found_record,
    markdown,
)
from aedenoise.training.run_files import well_formed
from aedenoise.training.workdir import Workdir

# Flipped images per row of the gallery, and its largest number of rows.
_SHOWN, _ROWS = 5, 24


@dataclass(frozen=True)
class Network:
    """Network to be tested.

    Attributes:
      name: name in tables.
      folder: folder of its run.
      experiment: experiment that trains it.
      noises: test noises.
    """

    name: str
    folder: Path
    experiment: Experiment
    noises: tuple[NoiseConfig, ...]


def networks_of_decoders(
    base: Experiment, decoders: Sequence[str], levels: Sequence[float], workdir: Path
) -> list[Network]:
    """Makes a network for each decoder and noise level, each with its own folder in ``workdir``.

    Args:
      base: experiment whose decoder and noise level are replaced.
      decoders: decoders in the syntax of ``config.study.with_decoder``.
      levels: noise levels; empty: the level of ``base``.
      workdir: parent of the run folders.

    Raises:
      UsageError: if a decoder is unknown, or a decoder or level is repeated.
    """
    if not decoders or len(set(decoders)) < len(decoders):
        raise UsageError(f"--decoders must name each decoder once: {','.join(decoders)}")
    base.check_denoises()
    found = []
    for noise in _noises(base.noise, levels):
        for decoder in decoders:
            experiment = with_decoder(base.trained_on(noise), decoder)
            experiment = dataclasses.replace(experiment, name="")
            folder = workdir / f"{slug(decoder)}-{slug(noise.label)}"
            found.append(Network(display_name(decoder), folder, experiment, (noise,)))
    return found


def networks_of_runs(runs: Sequence[Path], levels: Sequence[float]) -> list[Network]:
    """Reads the networks of finished runs.

    Args:
      runs: workdirs of the runs.
      levels: test noise levels; empty: the training noise of each run.

    Raises:
      CheckpointError: if a run is not finished.
      UsageError: if a run or level is repeated.
    """
    names = [run.resolve().name for run in runs]
    if len(set(names)) < len(names):
        # Folders of equal name in different places are told apart by their paths.
        names = [str(run) for run in runs]
    if len(set(names)) < len(names):
        raise UsageError(f"--runs must name each run once: {','.join(names)}")
    found = []
    for name, run in zip(names, runs, strict=True):
        experiment = Workdir(run).read_experiment()
        if not Workdir(run).results.is_file():
            raise CheckpointError(f"{run} is not finished (no results.json); finish training")
        found.append(Network(name, run, experiment, _noises(experiment.noise, levels)))
    return found


def measure_hallucination(
    networks: Sequence[Network], options: RunOptions, signals: StopSignals
) -> dict[str, Any] | None:
    """Trains missing networks, measures label flips of all and writes the results.

    Results are ``invented.json``, ``invented.md``, ``invented.png`` and ``shares.png`` in
    ``options.workdir``.

    Returns:
      The content of ``invented.json``; None if a signal stopped it, and the same call resumes.

    Raises:
      DataError: if the data have no labels; raised before training.
    """
    # Asked now, not after hours of training.
    Workdir(options.workdir).check_writable()
    prepare_process(say)
    shared = _Shared(options)
    # Data and classifiers first: missing labels must be reported before hours of training.
    for network in networks:
        shared.set_up(network, network.noises[0])
    options.workdir.mkdir(parents=True, exist_ok=True)
    begin, trained = time.monotonic(), 0
    for number, network in enumerate(networks, start=1):
        if Workdir(network.folder).results.is_file() and not options.overwrite:
            continue
        left = (time.monotonic() - begin) / max(trained, 1) * (len(networks) - number + 1)
        if trained and left >= 60.0:
            say(f"the networks that are left take about {time_range(left)}")
        trained += 1
        say(f"network {number} of {len(networks)}: {network.name}, {network.experiment.noise}")
        own = dataclasses.replace(
            options, workdir=network.folder, baselines=False, checkpoint_dir=None
        )
        if train(network.experiment, own, signals) is None:
            return None
    tested, examples = _tested(networks, shared)
    found = {
        "command": options.command,
        **found_record(tested, shared.classifiers),
        "environment": environment(),
    }
    write_json(options.workdir / "invented.json", found)
    write_atomically(options.workdir / "invented.md", markdown(found).encode())
    say(flips_table(found))
    gallery_figure(options.workdir / "invented.png", examples)
    shares_figure(options.workdir / "shares.png", found)
    say(f"the table, the gallery invented.png and shares.png are in {options.workdir}")
    return found


class _Shared:
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


def _tested(networks: Sequence[Network], shared: _Shared) -> tuple[list[Outcome], list[Example]]:
    tested: list[Outcome] = []
    examples: list[Example] = []
    noisy: dict[tuple[str, str], Outcome] = {}
    for network in networks:
        denoiser = load_denoiser(network.folder, checkpoint_dir=shared.checkpoint_dir)
        params = denoiser.params
        workdir = Workdir(network.folder)
        with well_formed(workdir.config):
            steps = workdir.read_config()["total_steps"]
        for noise in network.noises:
            workload = shared.set_up(network, noise)
            classifier = shared.classifiers[workload.dataset.name]
            predictions = predict_classes(workload, params, classifier)
            if not predictions.denoised.judged.any():
                raise DataError(
                    f"the classifier of {workload.dataset.name} is wrong on every test image; "
                    "provide more training images"
                )
            data = workload.dataset.name
            condition = {"dataset": data, "noise": noise.label, "level": noise.level}
            # The same for every network with this data and noise.
            noisy.setdefault(
                (data, noise.label),
                Outcome(NOISY, None, predictions.noisy_psnr, predictions.noisy, condition),
            )
            tested.append(
                Outcome(network.name, steps, predictions.psnr, predictions.denoised, condition)
            )
            shown = predictions.denoised.most_confident(_SHOWN)
            if len(shown):
                pictures = list(workload.examples(params, shown))
                # Where a calibrated network is unsure of the image that shows another class.
                if denoiser.calibration is not None:
                    pictures.append(denoiser.half_width(*pictures[1:]))
                titles = [
                    f"{classifier.names[predictions.denoised.labels[i]]} \N{RIGHTWARDS ARROW} "
                    f"{classifier.names[predictions.denoised.became[i]]}"
                    for i in shown
                ]
                name = f"{network.name}\n{data}\n{noise.label}"
                examples.append(Example(name, np.stack(pictures, axis=1), titles))
    return [*noisy.values(), *tested], examples[:_ROWS]


def _noises(noise: NoiseConfig, levels: Sequence[float]) -> tuple[NoiseConfig, ...]:
    """Returns ``noise`` at each of ``levels``, or unchanged if there are none."""
    found = tuple(dataclasses.replace(noise, level=each, level_max=None) for each in levels)
    if len({each.label for each in found}) < len(found):
        raise UsageError(
            f"--noise_levels must name each level once, and its noise must have a level: "
            f"{', '.join(each.label for each in found)}"
        )
    return found or (noise,)
