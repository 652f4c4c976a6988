"""Detection of loss spikes: steps with a loss far above the recent median."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass

WINDOW = 50
# Steps before the first detection; the median of fewer is too uncertain.
_FIRST = 10
# Losses of batches vary by a tenth within a run; divergence exceeds that by far.
_FACTOR = 2.0
# Median absolute deviations that make ten standard deviations of a normal distribution.
_DEVIATIONS = 10.0 * 1.4826


@dataclass(frozen=True)
class Spike:
    """A loss spike: its step, its loss, and the median loss of the steps before it."""

    step: int
    loss: float
    median: float

    def __str__(self) -> str:
        return (
            f"loss spike at step {self.step}: {self.loss:.4g}, {self.loss / self.median:.1f} "
            "times the recent median; if it persists, try a lower --learning_rate or "
            "--max_grad_norm"
        )


class SpikeDetector:
    """Detector by the median and the median absolute deviation of the last ``WINDOW`` losses.

    A few spikes do not move the median, so that the next one is detected as well. A loss that
    stays high for half a window becomes the new median and is no longer reported. The history is
    cleared after each of the steps ``starts``, where training changes to another loss.
    """

    def __init__(self, starts: Collection[int] = ()) -> None:
        self._starts = starts
        self._losses: deque[float] = deque(maxlen=WINDOW)

    def look(self, first_step: int, losses: Iterable[float]) -> Spike | None:
        """Returns the highest spike among the losses of consecutive steps from ``first_step``."""
        highest = None
        for step, loss in enumerate(losses, first_step):
            if step - 1 in self._starts:
                self._losses.clear()
            spike = self._spike(step, loss)
            self._losses.append(loss)
            if spike and (highest is None or spike.loss > highest.loss):
                highest = spike
        return highest

    def _spike(self, step: int, loss: float) -> Spike | None:
        if len(self._losses) < _FIRST:
            return None
        median = statistics.median(self._losses)
        deviation = statistics.median(abs(value - median) for value in self._losses)
        # Objectives such as SURE can be negative, for which a factor means nothing.
        if median > 0.0 and loss > max(_FACTOR * median, median + _DEVIATIONS * deviation):
            return Spike(step, loss, median)
        return None
