"""Records of a run: the content of config.json, results.json and eval.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax

from aedenoise.evaluation.evaluate import Results
from aedenoise.runs.denoising import DenoisingWorkload
from aedenoise.runs.workload import RunContext, Workload
from aedenoise.runtime.versions import versions
from aedenoise.training.loop import Clock
from aedenoise.training.task import parameter_count

# Tables of an evaluation: names in the program, and in the files, where they must stay readable.
_TABLES = {
    "denoised": "eval",
    "noisy": "noisy",
    "mean_image": "mean_image",
    "black": "black",
    "dataset": "test_set",
}


def config_record(workload: Workload, command: str) -> dict[str, Any]:
    """Builds the content of ``config.json`` apart from the experiment.

    Args:
      workload: workload of the run.
      command: command line that the user typed.
    """
    return {
        "command": command,
        "total_steps": workload.total_steps,
        "dataset": dataset_record(workload),
        "environment": environment(),
        # Left out where empty, so that files of runs without components stay as they were.
        **({"parts": parts} if (parts := workload.parts) else {}),
    }


Measures = dict[str, dict[str, float]]


def results_record(
    workload: DenoisingWorkload,
    results: Results,
    artifacts: Measures,
    clock: Clock,
    best: Mapping[str, Any],
    baseline_results: Mapping[str, Any],
    train_loss: float | None,
) -> dict[str, Any]:
    """Builds the content of ``results.json`` of a denoiser.

    Args:
      workload: workload of the run.
      results: evaluation of the final parameters.
      artifacts: checkerboard measures, by place and name.
      clock: training time of all sessions.
      best: step and PSNR of the best evaluation.
      baseline_results: see ``baselines.evaluate_baselines``.
      train_loss: mean loss over the last epoch.
    """
    return {
        "experiment": workload.experiment.label,
        "dataset": dataset_record(workload),
        **_to_file(results),
        "artifacts": artifacts,
        **baseline_results,
        "train": training_record(workload, clock, train_loss),
        "best": dict(best),
        "parameters": parameter_count(workload.state_like().params),
        "environment": environment(),
    }


def training_record(workload: Workload, clock: Clock, train_loss: float | None) -> dict[str, Any]:
    """Builds the record of steps, epochs, loss, seconds and images per second."""
    speed = clock.images_per_second
    return {
        "steps": workload.total_steps,
        "epochs": workload.experiment.epochs,
        "loss": train_loss,
        "seconds": round(clock.seconds, 3),
        "images_per_second": None if speed is None else round(speed, 1),
    }


def evaluation_record(
    workload: DenoisingWorkload,
    results: Results,
    artifacts: Measures,
    step: int,
    baseline_results: Mapping[str, Any],
) -> dict[str, Any]:
    """Builds the content of ``eval.json`` of a denoiser; arguments are as in ``results_record``."""
    return {
        "experiment": workload.experiment.label,
        "step": step,
        "noise": dataclasses.asdict(workload.experiment.noise),
        "dataset": dataset_record(workload),
        **_to_file(results),
        "artifacts": artifacts,
        **baseline_results,
        "environment": environment(),
    }


def read_tables(record: Mapping[str, Any]) -> Results:
    """Reads the evaluation from the content of ``results.json`` or ``eval.json``."""
    return {name: record[in_file] for name, in_file in _TABLES.items()}


def dataset_record(workload: RunContext) -> dict[str, Any]:
    """Builds the record of the data; ``digest`` covers the whole dataset, not the used subset."""
    original = workload.dataset.facts.get("is_original")
    return {
        "name": workload.dataset.name,
        "digest": workload.dataset.digest,
        "train": len(workload.dataset.train.images),
        "test": len(workload.dataset.test.images),
        "image_shape": list(workload.image_shape),
        # Only for Bulatov's archives, so that the records of other datasets stay as they were.
        **({"is_original": original} if isinstance(original, bool) else {}),
    }


def environment() -> dict[str, Any]:
    """Returns versions of libraries and a description of the devices."""
    return {
        **versions(),
        "platform": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
    }


def _to_file(results: Results) -> dict[str, Any]:
    return {in_file: results[name] for name, in_file in _TABLES.items()}
