"""The start line and the figures of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from aedenoise.config import Experiment
from aedenoise.config.options import RunOptions
from aedenoise.errors import counted
from aedenoise.evaluation.evaluate import Results
from aedenoise.reporting.figures import (
    artifacts_figure,
    contact_sheet,
    curve_figure,
    denoised_figure,
)
from aedenoise.reporting.metrics_log import read_series
from aedenoise.reporting.result_lines import baselines_table
from aedenoise.runs.denoising import DenoisingWorkload
from aedenoise.runs.hooks import say
from aedenoise.runs.workload import Workload
from aedenoise.training.task import Params, parameter_count
from aedenoise.training.workdir import Workdir

# Losses that the evaluation also computes on the test split.
_TESTED = ("bce", "mse")


def start_line(workload: Workload, options: RunOptions) -> str:
    """Describes experiment, devices, data, noise and parameter count in one line."""
    data, noise = workload.dataset, workload.noise_label
    kind = jax.devices()[0].device_kind
    hosts = f" of {jax.process_count()} processes" if jax.process_count() > 1 else ""
    own = workload.lowering == "auto" and jax.default_backend() == "cpu"
    convolutions = ", own kernels" if own else ", XLA's convolutions"
    if workload.experiment.model.network == "mlp":
        convolutions = ""
    weight = workload.experiment.adversary.weight
    opponent = f" | adversarial weight {weight:g}" if weight else ""
    return (
        f"{workload.experiment.label}: {options.parallel} on "
        f"{counted(jax.device_count(), f'{kind} device')}{hosts}{convolutions} | "
        f"{data.name} {data.digest[:12]}, "
        f"{len(data.train.images):,} + {len(data.test.images):,} images "
        f"{' x '.join(map(str, workload.image_shape))} | "
        f"{noise}{opponent} | "
        f"{parameter_count(workload.state_like().params):,} parameters"
    )


def stages_line(experiment: Experiment) -> str:
    """Explains low figures of the first epochs of a run in stages; empty for other runs."""
    layers = len(experiment.model.widths) if experiment.greedy_epochs else 0
    if layers:
        epochs = layers * experiment.greedy_epochs
        stage = f"train the {layers} layers one after another"
    elif experiment.clean_epochs:
        epochs, stage = experiment.clean_epochs, "train on images without noise"
    else:
        return ""
    return (
        f"epochs 1 to {epochs} of {experiment.epochs} {stage}: the figures of test images are low "
        "until then"
    )


def say_baselines(record: Mapping[str, Any], changed: str = "") -> None:
    """Prints the table of the baselines, where they were evaluated.

    Args:
      record: content of ``results.json`` or ``eval.json``.
      changed: see ``result_lines.baselines_table``.
    """
    if "baselines" in record:
        say(baselines_table(record["baselines"], record["dataset"]["train"], changed))


def write_figures(
    workdir: Workdir,
    workload: DenoisingWorkload,
    params: Params,
    evaluation: Results,
    pictures: dict[str, np.ndarray],
    rows: Mapping[str, Mapping[str, np.ndarray]],
    baseline_results: Mapping[str, Any],
) -> None:
    """Writes examples, baselines, artifacts and learning curves of a run as PNG.

    Args:
      workdir: workdir of the run, with the metrics of all its steps.
      workload: workload of the run.
      params: final parameters.
      evaluation: results of ``params``.
      pictures: pictures of checkerboard artifacts, by place.
      rows, baseline_results: images by figure and row, and scores; see ``evaluate_baselines``.
    """
    original, noisy, denoised = workload.examples(params)
    denoised_figure(
        workdir.figures / "denoised.png",
        original=original,
        noisy=noisy,
        denoised=denoised,
        title=(
            f"{workload.experiment.label}: {workload.dataset.name}, "
            f"{workload.noise_label}, PSNR "
            f"{evaluation['noisy']['psnr']:.2f} to {evaluation['denoised']['psnr']:.2f} dB"
        ),
    )
    label = workload.experiment.label
    _sheet(workdir, "worst", rows["worst"], f"{label}: test images with the lowest PSNR", across=10)
    if "baselines" in rows:
        scores = {
            **baseline_results["baselines"]["classical"],
            "denoised": baseline_results["baselines"]["denoised"],
        }
        named = {
            f"{name}\n{scores[name]['psnr']:.2f} dB" if name in scores else name: images
            for name, images in rows["baselines"].items()
        }
        _sheet(workdir, "baselines", named, f"{label}: comparison with classical denoisers")
    artifacts_figure(
        workdir.figures / "artifacts.png",
        rows={workload.experiment.label: pictures},
        titles={
            "residual": "mean residual",
            "spectrum": "residual's spectrum",
            "constant": "constant code",
        },
    )
    name = workload.task.loss_name
    curve_figure(
        workdir.figures / "curve.png",
        loss_name=name.upper(),
        loss=read_series(workdir.metrics, "train/loss"),
        # The evaluation has no value of other losses.
        test_loss=read_series(workdir.metrics, f"eval/{name}") if name in _TESTED else ([], []),
        psnr=read_series(workdir.metrics, "eval/psnr"),
        steps_per_epoch=workload.batches.steps_per_epoch,
        title=f"{workload.experiment.label}: {workload.dataset.name}",
    )


def _sheet(
    workdir: Workdir, name: str, rows: Mapping[str, np.ndarray], title: str, across: int = 0
) -> None:
    contact_sheet(
        workdir.figures / f"{name}.png",
        rows=[np.round(np.clip(row, 0.0, 1.0) * 255).astype(np.uint8) for row in rows.values()],
        names=list(rows),
        title=title,
        across=across,
    )
