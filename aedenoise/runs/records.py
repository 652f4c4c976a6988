"""What is written down of a run: the content of config.json, results.json and eval.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax

from aedenoise.evaluation.evaluate import Results
from aedenoise.runs.denoising import Bench
from aedenoise.runs.workload import System
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


def config_record(bench: System, command: str) -> dict[str, Any]:
    """What ``config.json`` holds beside the experiment; ``command`` is what the user typed."""
    return {
        "command": command,
        "total_steps": bench.total_steps,
        "dataset": dataset_record(bench),
        "environment": environment(),
    }


Measures = dict[str, dict[str, float]]


def results_record(
    bench: Bench,
    results: Results,
    artifacts: Measures,
    clock: Clock,
    best: Mapping[str, Any],
    beside: Mapping[str, Any],
    train_loss: float | None,
) -> dict[str, Any]:
    """What ``results.json`` holds; ``best`` is step and PSNR of the best evaluation,
    ``beside`` what stands beside the result, see ``yardsticks``; ``train_loss`` the mean over the
    last epoch."""
    return {
        "experiment": bench.experiment.label,
        "dataset": dataset_record(bench),
        **_to_file(results),
        "artifacts": artifacts,
        **beside,
        "train": training_record(bench, clock, train_loss),
        "best": dict(best),
        "parameters": parameter_count(bench.state_like().params),
        "environment": environment(),
    }


def training_record(bench: System, clock: Clock, train_loss: float | None) -> dict[str, Any]:
    """How long a run was, and how fast."""
    speed = clock.images_per_second
    return {
        "steps": bench.total_steps,
        "epochs": bench.experiment.epochs,
        "loss": train_loss,
        "seconds": round(clock.seconds, 3),
        "images_per_second": None if speed is None else round(speed, 1),
    }


def evaluation_record(
    bench: Bench, results: Results, artifacts: Measures, step: int, beside: Mapping[str, Any]
) -> dict[str, Any]:
    """What ``eval.json`` holds."""
    return {
        "experiment": bench.experiment.label,
        "step": step,
        "noise": dataclasses.asdict(bench.experiment.noise),
        "dataset": dataset_record(bench),
        **_to_file(results),
        "artifacts": artifacts,
        **beside,
        "environment": environment(),
    }


def tables_of(record: Mapping[str, Any]) -> Results:
    """The evaluation in the content of ``results.json`` or ``eval.json``."""
    return {name: record[in_file] for name, in_file in _TABLES.items()}


def dataset_record(bench: System) -> dict[str, Any]:
    """Which data a run uses; ``digest`` is that of the whole dataset."""
    return {
        "name": bench.dataset.name,
        "digest": bench.dataset.digest,
        "train": len(bench.dataset.train.images),
        "test": len(bench.dataset.test.images),
        "image_shape": list(bench.image_shape),
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
