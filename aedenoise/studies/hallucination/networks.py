"""Networks whose label flips are counted: those of decoders to train, or of finished runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aedenoise.config import Experiment, NoiseConfig
from aedenoise.config.study import display_name, slug, with_decoder
from aedenoise.errors import CheckpointError, UsageError
from aedenoise.training.workdir import Workdir


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


def _noises(noise: NoiseConfig, levels: Sequence[float]) -> tuple[NoiseConfig, ...]:
    """Returns ``noise`` at each of ``levels``, or unchanged if there are none."""
    found = tuple(dataclasses.replace(noise, level=each, level_max=None) for each in levels)
    if len({each.label for each in found}) < len(found):
        raise UsageError(
            f"--noise_levels must name each level once, and its noise must have a level: "
            f"{', '.join(each.label for each in found)}"
        )
    return found or (noise,)
