"""Metrics on disk: ``metrics.jsonl`` and TensorBoard event files."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog

from aedenoise.files import write_atomically
from aedenoise.reporting.wandb_log import WandbLog


class MetricsLog(AbstractContextManager["MetricsLog"]):
    """Log of metrics to ``metrics.jsonl``, TensorBoard and, optionally, Weights & Biases.

    Opening removes lines after ``step`` and incomplete lines: a killed run has logged past its last
    checkpoint, and the resumed run logs these steps again.

    Args:
      path: the JSON Lines file.
      tensorboard: folder of event files.
      step: step at which training starts or resumes.
      wandb: further log, or None.
    """

    def __init__(
        self, path: Path, tensorboard: Path, *, step: int, wandb: WandbLog | None = None
    ) -> None:
        if path.exists():
            kept = [line for line in path.read_bytes().splitlines() if _parse_step(line) <= step]
            write_atomically(path, b"".join(line + b"\n" for line in kept))
        self._file = path.open("a", encoding="utf-8")
        self._events = _Events(tensorboard, step)
        self._wandb = wandb

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._file.close()
        self._events.close()
        if self._wandb is not None:
            self._wandb.close(0 if kind is None else 1)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Writes ``values``, with names such as ``train/loss``, for ``step``."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        # Flushed per line, so that a killed run loses no more than its last line.
        self._file.flush()
        for name, value in values.items():
            self._events.add(step, summary.scalar(name, value))
        self._events.flush()
        if self._wandb is not None:
            self._wandb.write(step, values)

    def write_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Writes ``image``, uint8 ``[H, W]`` or ``[H, W, 3]``, to TensorBoard."""
        form = "HWC" if image.ndim == 3 else "HW"
        self._events.add(step, summary.image(name, image, dataformats=form))
        if self._wandb is not None:
            self._wandb.write_image(step, name, image)

    def write_settings(
        self, step: int, settings: Mapping[str, Any], metrics: Mapping[str, float]
    ) -> None:
        """Fills TensorBoard's hyperparameters page.

        ``metrics`` are already logged for ``step`` under the same names.
        """
        # TensorBoard has no type for None.
        known = {name: value for name, value in settings.items() if value is not None}
        for part in summary.hparams(known, dict(metrics)):
            self._events.add(step, part)
        self._events.flush()


class _Events:
    """TensorBoard event file, written synchronously.

    ``SummaryWriter`` writes in a thread behind a queue of ten. On a full disk that thread dies, and
    the run blocks on the full queue forever.
    """

    def __init__(self, folder: Path, step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # File names have a resolution of one second; the suffix keeps two sessions apart.
        self._writer = EventsWriter(str(folder / "events"), f".from-{step}")
        # On START, TensorBoard discards later steps of earlier event files.
        self._write(Event(step=step + 1, session_log=SessionLog(status=SessionLog.START)))

    def add(self, step: int, value: Any) -> None:
        self._write(Event(step=step, summary=value))

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        self._writer.write_event(event)


def read_series(path: Path, name: str) -> tuple[list[int], list[float]]:
    """Returns the steps and values of one metric in a ``metrics.jsonl``."""
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    found = [(line["step"], line[name]) for line in lines if name in line]
    return [step for step, _ in found], [value for _, value in found]


def epoch_means(path: Path, name: str, steps_per_epoch: int) -> dict[int, float]:
    """Computes the mean of one metric in a ``metrics.jsonl`` over each epoch, counted from 1.

    A value covers the steps since the previous line of its epoch. Missing lines, as on a machine
    that took over a run, do not contribute.
    """
    sums: dict[int, float] = {}
    counts: dict[int, int] = {}
    before = 0
    for step, value in zip(*read_series(path, name), strict=True):
        epoch = (step - 1) // steps_per_epoch + 1
        since = step - max(before, (epoch - 1) * steps_per_epoch)
        sums[epoch] = sums.get(epoch, 0.0) + value * since
        counts[epoch] = counts.get(epoch, 0) + since
        before = step
    return {epoch: total / counts[epoch] for epoch, total in sums.items()}


def _parse_step(line: bytes) -> float:
    # Infinity for damaged lines, so that they count as later than any step and are removed.
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf
