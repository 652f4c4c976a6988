"""Metrics on disk: ``metrics.jsonl`` and TensorBoard events, from one place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from tensorboardX import SummaryWriter

from aedenoise.files import write_atomically


class MetricsLog(AbstractContextManager["MetricsLog"]):
    """Appends one JSON object per call to ``metrics.jsonl`` and the same to TensorBoard.

    On opening, lines after ``step`` are cut off (a run that was killed has written past its
    last checkpoint and will write them again), and so is a line half written.
    """

    def __init__(self, path: Path, tensorboard: Path, *, step: int) -> None:
        if path.exists():
            kept = [line for line in path.read_bytes().splitlines() if _step_of(line) <= step]
            write_atomically(path, b"".join(line + b"\n" for line in kept))
        self._file = path.open("a", encoding="utf-8")
        # TensorBoard drops what earlier event files say of steps from purge_step on.
        # The suffix keeps two sessions that start in one second apart.
        self._events = SummaryWriter(
            str(tensorboard), purge_step=step + 1, filename_suffix=f".from-{step}"
        )

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._events.close()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Writes ``values``, named like ``train/loss``, for ``step``."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()
        for name, value in values.items():
            self._events.add_scalar(name, value, step)
        self._events.flush()

    def write_image(self, step: int, name: str, image: np.ndarray) -> None:
        """Shows ``image`` uint8 ``[H, W]`` or ``[H, W, 3]`` in TensorBoard."""
        self._events.add_image(name, image, step, dataformats="HWC" if image.ndim == 3 else "HW")


def read_series(path: Path, name: str) -> tuple[list[int], list[float]]:
    """Steps and values of one name in a ``metrics.jsonl``."""
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    found = [(line["step"], line[name]) for line in lines if name in line]
    return [step for step, _ in found], [value for _, value in found]


def _step_of(line: bytes) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf
