"""``--mode=probe``: classification from the code of a finished run and, as baseline, pixels."""

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
from aedenoise.reporting.probe_figures import code_figure, confusion_figure
from aedenoise.reporting.result_lines import probe_table
from aedenoise.runs.denoising import DenoisingWorkload, make_denoising_workload
from aedenoise.runs.hooks import say
from aedenoise.runs.records import dataset_record, environment
from aedenoise.runs.report_page import write_page
from aedenoise.runs.workload import check_channels
from aedenoise.runtime.preemption import StopSignals
from aedenoise.runtime.process import prepare_process
from aedenoise.studies.probing.codes import encode_images, flatten_pixels, make_encode
from aedenoise.studies.probing.fine_tune import fine_tune
from aedenoise.studies.probing.projection import neighbours, principal
from aedenoise.studies.probing.regression import Logistic, fit_chosen
from aedenoise.training.run_files import read_json, well_formed
from aedenoise.training.workdir import Workdir

# Largest number of float32 values in regression, which holds all rows in memory: 1 GiB.
_MOST_VALUES = 2**28
# Points in the figures; t-SNE of more takes minutes.
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
    """Trains and tests classifiers on pixels, on the code, and by fine-tuning the encoder.

    Repeating the call resumes it, or only reports finished results.

    Args:
      trained: experiment of the run.
      options: run options with the run's workdir.
      choice: options of fine-tuning.
      signals: installed signal handlers.
      checkpoint: ``newest``, ``best`` or a step.
      data: other data to probe with; None: those of the run.

    Returns:
      The content of ``probe.json``; None if a signal stopped it.

    Raises:
      CheckpointError: if the workdir has no trained network.
      DataError: if the data have no labels.
      UsageError: if the images do not suit the network.
    """
    workdir = Workdir(options.workdir)
    if not workdir.probe.is_file():
        workdir.check_writable()
    prepare_process(say)
    denoiser = load_denoiser(options.workdir, checkpoint, checkpoint_dir=options.checkpoint_dir)
    lasting = {"epochs": max(1, choice.epochs), "clean_epochs": 0, "greedy_epochs": 0}
    base = dataclasses.replace(replace(trained, lasting), data=data or trained.data)
    workload = make_denoising_workload(base, options, notify=say, training=choice.epochs > 0)
    check_channels(workdir, workload)
    _check(workload, denoiser.params)
    record = {
        "step": denoiser.step,
        "settings": dataclasses.asdict(choice),
        "dataset": dataset_record(workload),
    }
    if workdir.probe.is_file():
        found = read_json(workdir.probe)
        if {name: found.get(name) for name in record} == record:
            say(f"{workdir.probe} already exists; nothing to do")
            with well_formed(workdir.probe):
                say(probe_table(found))
            return found
        workdir.check_writable()
    workdir.remove_leftovers()
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
    if workdir.results.is_file():
        write_page([workdir.path], workdir.page)
    say(probe_table(found))
    say(f"probe.json and figures/code.png are in {workdir.path}")
    return found


def _check(workload: DenoisingWorkload, params: Any) -> None:
    """Raises an error for data without classes or images that do not suit the network."""
    for name, split in (("training", workload.dataset.train), ("test", workload.dataset.test)):
        if len(np.unique(split.labels)) < 2:
            raise DataError(
                f"{workload.dataset.name} cannot be probed: its {name} images have fewer than two "
                "classes"
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
    """Runs logistic regression on pixels and on the code.

    Returns:
      Scores by name, the regression on the code, and the codes of the test images in figures.
    """
    train, test = workload.dataset.train, workload.dataset.test
    classes = max(len(workload.dataset.label_names), int(train.labels.max()) + 1)
    # Labels may exceed the known names, and a class may be missing from one split.
    classes = max(classes, int(test.labels.max()) + 1)
    all_test = np.arange(len(test.images))
    test_codes = encode_images(encode, params, test.images, all_test)
    # Both regressions use the same rows, so that their scores can be compared.
    widest = max(test_codes.shape[1], int(np.prod(workload.image_shape)))
    chosen = evenly_spaced(len(train.images), max(2, _MOST_VALUES // widest))
    if len(chosen) < len(train.images):
        say(f"logistic regression uses {len(chosen):,} of {len(train.images):,} training images")
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
        title=f"{title}, code of {len(shown):,} test images",
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
