"""What is written down of a run: the content of config.json, results.json and eval.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax

from aedenoise.evaluation.evaluate import Results
from aedenoise.runs.denoising import DenoisingWorkload
from aedenoise.runs.workload import Workload
from aedenoise.runtime.versions import versions
from aedenoise.training.loop import Clock
from aedenoise.training.task import parameter_count

# Names of the tables: inside the program, and in the files.
_TABLES = {
    "denoised": "eval",
    "noisy": "noisy",
    "mean_image": "mean_image",
    "black": "black",
    "dataset": "test_set",
}


def config_record(workload: Workload, command: str) -> dict[str, Any]:
    """What ``config.json`` holds beside the experiment; ``command`` is what the user typed."""
    return {
        "command": command,
        "total_steps": workload.total_steps,
        "dataset": dataset_record(workload),
        "environment": environment(),
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
    """What ``results.json`` holds; ``best`` is step and PSNR of the best evaluation,
    ``beside`` what stands beside the result, see ``yardsticks``; ``train_loss`` the mean over the
    last epoch."""
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
    """How long a run was, and how fast."""
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
    """What ``eval.json`` holds."""
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
    """The evaluation in the content of ``results.json`` or ``eval.json``."""
    return {name: record[in_file] for name, in_file in _TABLES.items()}


def dataset_record(workload: Workload) -> dict[str, Any]:
    """Which data a run uses; ``digest`` is that of the whole dataset."""
    return {
        "name": workload.dataset.name,
        "digest": workload.dataset.digest,
        "train": len(workload.dataset.train.images),
        "test": len(workload.dataset.test.images),
        "image_shape": list(workload.image_shape),
    }


def environment() -> dict[str, Any]:
    """Versions and devices."""
    return {
        **versions(),
        "platform": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
    }


def _to_file(results: Results) -> dict[str, Any]:
    return {in_file: results[name] for name, in_file in _TABLES.items()}
