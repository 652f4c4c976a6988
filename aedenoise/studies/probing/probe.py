"""``--mode=probe``: what the code of a finished run is good for, beside the pixels themselves."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from aedenoise.config import DataConfig, Experiment, replace
from aedenoise.config.options import ProbeOptions, RunOptions
from aedenoise.data.batch import evenly_spaced
from aedenoise.errors import DataError, UsageError
from aedenoise.files import write_json
from aedenoise.inference.denoiser import load_denoiser
from aedenoise.metrics.classification import confusion, score
from aedenoise.reporting.console import probe_table
from aedenoise.reporting.probe_figures import code_figure, confusion_figure
from aedenoise.runs.denoising import DenoisingWorkload, make_denoising_workload
from aedenoise.runs.hooks import say
from aedenoise.runs.records import dataset_record, environment
from aedenoise.runs.report_page import write_page
from aedenoise.runtime.preemption import StopSignals
from aedenoise.runtime.process import prepare_process
from aedenoise.studies.probing.codes import encode_images, flatten_pixels, make_encode
from aedenoise.studies.probing.fine_tune import fine_tune
from aedenoise.studies.probing.projection import neighbours, principal
from aedenoise.studies.probing.regression import Logistic, fit_chosen
from aedenoise.training.workdir import Workdir, read_json

# Regression holds all its rows at once: no more numbers than this, 1 GiB.
_MOST_VALUES = 2**28
# Points of the pictures; t-SNE of more takes minutes.
_SHOWN = 2000


def probe(
    trained: Experiment,
    options: RunOptions,
    choice: ProbeOptions,
    signals: StopSignals,
    *,
    checkpoint: str = "newest",
    data: DataConfig | None = None,
) -> dict[str, Any] | None:
    """Fits classifiers to the pixels, to the code, and through the encoder, and tests them.

    The same call again goes on where it was stopped, and only reports what is finished.

    Args:
      trained: the run's experiment.
      options: its workdir, and how devices and data are used.
      choice: of the fine-tuning.
      signals: as the command line took them.
      checkpoint: ``newest``, ``best`` or a step.
      data: other data than the run's.

    Returns:
      What is also written to ``probe.json``; None if a signal stopped it.

    Raises:
      CheckpointError: if there is no trained network in the workdir.
      DataError: if the data have no labels.
    """
    workdir = Workdir(options.workdir)
    prepare_process(say)
    denoiser = load_denoiser(options.workdir, checkpoint)
    lasting = {"epochs": max(1, choice.epochs), "clean_epochs": 0, "greedy_epochs": 0}
    base = dataclasses.replace(replace(trained, lasting), data=data or trained.data)
    workload = make_denoising_workload(base, options, notify=say, training=choice.epochs > 0)
    _check(workload, denoiser.params)
    record = {
        "step": denoiser.step,
        "settings": dataclasses.asdict(choice),
        "dataset": dataset_record(workload),
    }
    if workdir.probe.exists():
        found = read_json(workdir.probe)
        if {name: found.get(name) for name in record} == record:
            say(f"{workdir.probe} is there already; nothing to do")
            say(probe_table(found))
            return found
    encode = make_encode(workload.task.model)
    scores, head, shown = _regressions(workload, encode, denoiser.params)
    if choice.epochs:
        table = fine_tune(
            workload,
            encode,
            denoiser.params,
            head,
            choice=choice,
            options=options,
            signals=signals,
            folder=workdir.tuning,
            record=record,
        )
        if table is None:
            name = signals.received.name if signals.received else "stopped"
            say(f"{name}: fine-tuning is saved in {workdir.tuning}; the same command continues")
            return None
        scores["tuned"] = score(table)
    found = {
        "experiment": trained.label,
        **record,
        "code_size": shown.shape[1],
        "label_errors": workload.dataset.facts.get("label_errors"),
        **scores,
        "environment": environment(),
    }
    _draw(workdir, workload, found, shown)
    write_json(workdir.probe, found)
    if workdir.results.exists():
        write_page([workdir.path], workdir.page)
    say(probe_table(found))
    say(f"probe.json and figures/code.png are in {workdir.path}")
    return found


def _check(workload: DenoisingWorkload, params: Any) -> None:
    """Refuses data without classes, and images that the network does not take."""
    for name, split in (("training", workload.dataset.train), ("test", workload.dataset.test)):
        if len(np.unique(split.labels)) < 2:
            raise DataError(
                f"{workload.dataset.name} has no labels to probe a code with: its {name} images "
                "are all of one class"
            )
    shapes = jax.tree.map(lambda leaf: leaf.shape, params)
    if shapes != jax.tree.map(lambda leaf: leaf.shape, workload.state_like().params):
        height, width, channels = workload.image_shape
        raise UsageError(
            f"the network was trained on other images than those of {workload.dataset.name}, "
            f"{height} x {width} pixels of {channels} channels"
        )


def _regressions(
    workload: DenoisingWorkload, encode: Any, params: Any
) -> tuple[dict[str, Any], Logistic, np.ndarray]:
    """Scores of logistic regression on pixels and on the code, the latter's weights, and the codes
    of the test images that are shown."""
    train, test = workload.dataset.train, workload.dataset.test
    classes = max(len(workload.dataset.label_names), int(train.labels.max()) + 1)
    classes = max(classes, int(test.labels.max()) + 1)
    all_test = np.arange(len(test.images))
    test_codes = encode_images(encode, params, test.images, all_test)
    widest = max(test_codes.shape[1], int(np.prod(workload.image_shape)))
    chosen = evenly_spaced(len(train.images), max(2, _MOST_VALUES // widest))
    if len(chosen) < len(train.images):
        say(f"logistic regression takes {len(chosen):,} of {len(train.images):,} training images")
    labels = train.labels[chosen]
    scores: dict[str, Any] = {}
    for name in ("pixels", "code"):
        say(f"logistic regression on the {name}")
        if name == "pixels":
            rows, tested = (
                flatten_pixels(train.images, chosen),
                flatten_pixels(test.images, all_test),
            )
        else:
            rows, tested = encode_images(encode, params, train.images, chosen), test_codes
        head = fit_chosen(rows, labels, classes)
        table = confusion(test.labels, head.classes(tested), classes)
        scores[name] = {**score(table), "penalty": head.penalty}
    return scores, head, test_codes[evenly_spaced(len(test_codes), _SHOWN)]


def _draw(
    workdir: Workdir, workload: DenoisingWorkload, found: dict[str, Any], shown: np.ndarray
) -> None:
    test = workload.dataset.test
    labels = test.labels[evenly_spaced(len(test.images), _SHOWN)]
    names = [
        workload.dataset.label_names[k] if k < len(workload.dataset.label_names) else str(k)
        for k in range(len(found["code"]["confusion"]))
    ]
    title = f"{found['experiment']}: {workload.dataset.name}"
    code_figure(
        workdir.figures / "code.png",
        {"principal components": principal(shown), "t-SNE": neighbours(shown)},
        labels,
        names,
        title=f"{title}, the code of {len(shown):,} test images",
    )
    tables = {
        label: np.array(found[name]["confusion"])
        for name, label in (
            ("pixels", "logistic on pixels"),
            ("code", "logistic on the code"),
            ("tuned", "fine-tuned"),
        )
        if name in found
    }
    confusion_figure(workdir.figures / "confusion.png", tables, names, title=title)
