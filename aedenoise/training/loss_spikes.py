"""Loss spikes: a step whose loss stands far above those before it."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass

WINDOW = 50
# So many steps before anything is called a spike.
_FIRST = 10
# Batches of one run differ by a tenth in their loss; a net that diverges leaves that far behind.
_FACTOR = 2.0
# Of the median absolute deviation; ten standard deviations of a normal distribution.
_DEVIATIONS = 10.0 * 1.4826


@dataclass(frozen=True)
class Spike:
    """A spike: its step, its loss, and the median loss of the steps before it."""

    step: int
    loss: float
    median: float

    def __str__(self) -> str:
        return (
            f"loss spike at step {self.step}: {self.loss:.4g}, {self.loss / self.median:.1f} "
            f"times the median of the steps before; if it stays, try a lower --learning_rate or "
            "--max_grad_norm"
        )


class SpikeDetector:
    """Compares each loss with the median and the median absolute deviation of the last ones.

    A few spikes do not move the median, so that the next one is seen as well; a loss that stays
    high for half a window becomes the new median and is no longer reported. Behind each of the
    steps ``starts`` another loss is trained, to which those before it say nothing.
    """

    def __init__(self, starts: Collection[int] = ()) -> None:
        self._starts = starts
        self._losses: deque[float] = deque(maxlen=WINDOW)

    def look(self, first_step: int, losses: Iterable[float]) -> Spike | None:
        """The highest spike among the losses of consecutive steps from ``first_step`` on."""
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
        if median > 0.0 and loss > max(_FACTOR * median, median + _DEVIATIONS * deviation):
            return Spike(step, loss, median)
        return None
