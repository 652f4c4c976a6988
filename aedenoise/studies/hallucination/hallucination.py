"""``--mode=invent``, alias hallucination: frequency of label flips caused by denoising."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

from aedenoise.config.options import RunOptions
from aedenoise.files import write_atomically, write_json
from aedenoise.reporting.class_map_figures import maps_figure
from aedenoise.reporting.console import time_range
from aedenoise.reporting.label_flip_figures import gallery_figure, shares_figure
from aedenoise.runs.hooks import say
from aedenoise.runs.records import environment
from aedenoise.runs.train import train
from aedenoise.runtime.preemption import StopSignals
from aedenoise.runtime.process import prepare_process
from aedenoise.studies.hallucination.measurement import Shared, measure_networks
from aedenoise.studies.hallucination.networks import Network
from aedenoise.studies.hallucination.report import flips_table, found_record, markdown
from aedenoise.training.workdir import Workdir

# Flipped images per row of the gallery, and its largest number of rows.
_SHOWN, _ROWS = 5, 24


def measure_hallucination(
    networks: Sequence[Network], options: RunOptions, signals: StopSignals
) -> dict[str, Any] | None:
    """Trains missing networks, measures label flips of all and writes the results.

    Results are ``invented.json``, ``invented.md``, ``invented.png``, ``maps.png`` and
    ``shares.png`` in ``options.workdir``.

    Returns:
      The content of ``invented.json``; None if a signal stopped it, and the same call resumes.

    Raises:
      DataError: if the data have no labels; raised before training.
    """
    # Asked now, not after hours of training.
    Workdir(options.workdir).check_writable()
    prepare_process(say)
    shared = Shared(options)
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
    measured = measure_networks(networks, shared)
    found = {
        "command": options.command,
        **found_record(measured.outcomes, shared.classifiers),
        "class_maps": measured.verdicts,
        "environment": environment(),
    }
    write_json(options.workdir / "invented.json", found)
    write_atomically(options.workdir / "invented.md", markdown(found).encode())
    say(flips_table(found))
    gallery_figure(options.workdir / "invented.png", measured.examples)
    shares_figure(options.workdir / "shares.png", found)
    maps_figure(options.workdir / "maps.png", measured.maps)
    say(f"the table, the gallery invented.png, maps.png and shares.png are in {options.workdir}")
    return found
