"""Training hooks: files, console output, checkpoints and signals between training calls."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from aedenoise.config.options import RunOptions
from aedenoise.evaluation.evaluate import AbandonedError
from aedenoise.reporting import console
from aedenoise.reporting.console import Progress
from aedenoise.reporting.metrics_log import MetricsLog, epoch_means
from aedenoise.runtime.distributed import StopVote, first_says, is_first_process, joined
from aedenoise.runtime.preemption import StopSignals
from aedenoise.training import loop
from aedenoise.training.checkpoints import Checkpoints
from aedenoise.training.loss_spikes import Spike
from aedenoise.training.task import TrainState
from aedenoise.training.workdir import Workdir


class TrainingHooks(ABC):
    """Observer of the training loop that writes files, checkpoints and console output.

    Attributes:
      best: step and ``measure`` of the best evaluation so far; empty before the first.
    """

    # Metric that selects the best checkpoint.
    measure = "psnr"

    def __init__(
        self,
        plan: loop.Plan,
        signals: StopSignals,
        checkpoints: Checkpoints,
        workdir: Workdir,
        log: MetricsLog | None,
        progress: Progress,
        clock: loop.Clock,
    ) -> None:
        self.best: dict[str, Any] = {}
        self._plan = plan
        self._signals = signals
        self._checkpoints = checkpoints
        self._workdir = workdir
        self._config = workdir.read_config()
        self._log = log
        self._progress = progress
        self._clock = clock
        self._vote = StopVote()
        # True while an evaluation is due: a checkpoint saved on a signal records it, and the next
        # session makes up for it.
        self._owes_evaluation = False

    def take_up(self, step: int, state: TrainState, record: Mapping[str, Any] | None) -> None:
        """Resumes from the session that saved ``record``, including an evaluation that it owes."""
        if record is None:
            return
        self.best = dict(record["best"])
        self._checkpoints.best = self.best.get("step")
        if record["owes_evaluation"]:
            self.evaluate(step, state)

    def stepped(self, step: int) -> None:
        # From the first step on there is a state to save, so signals no longer interrupt.
        self._signals.remember()
        self._progress.stepped(step)

    def logged(self, step: int, values: dict[str, float]) -> None:
        self._progress.logged(values["loss"], self._clock.images_per_second)
        self._write(step, {f"train/{name}": value for name, value in values.items()})

    def spiked(self, spike: Spike) -> None:
        say(str(spike))
        self._write(spike.step, {"train/spike": spike.loss})

    def evaluate(self, step: int, state: TrainState) -> None:
        self._owes_evaluation = True
        try:
            score = self._evaluated(step, state)
        except AbandonedError:
            return
        self._owes_evaluation = False
        # Process 0 decides: scores on other hardware may differ in their last digits, and all
        # processes must keep the same checkpoint.
        if first_says(self._is_better(score, self.best.get(self.measure))):
            self.best = {"step": step} if score is None else {"step": step, self.measure: score}
            self._checkpoints.best = step

    @abstractmethod
    def _evaluated(self, step: int, state: Any) -> float | None:
        """Evaluates ``state``, logs and prints the results.

        Returns:
          The value of ``measure``; None if it cannot be computed, which makes the newest
          checkpoint the best.

        Raises:
          AbandonedError: if a stop is requested before the evaluation is complete.
        """

    @abstractmethod
    def finish(self, state: Any, options: RunOptions) -> dict[str, Any]:
        """Evaluates the last state if needed, prints results and writes figures.

        Every process calls this.

        Returns:
          The content of ``results.json``.
        """

    def _last_loss(self) -> float | None:
        """Returns the mean training loss of the last epoch, on process 0; None elsewhere."""
        if not is_first_process():
            return None
        # From the file, since earlier sessions may have run part of the epoch.
        means = epoch_means(self._workdir.metrics, "train/loss", self._plan.steps_per_epoch)
        return means.get(self._plan.epochs)

    def _is_better(self, score: float | None, best: float | None) -> bool:
        return score is None or best is None or score > best

    def save(self, step: int, state: TrainState) -> None:
        record = {
            "clock": dataclasses.asdict(self._clock),
            "best": self.best,
            "owes_evaluation": self._owes_evaluation,
            "config": self._config,
        }
        self._checkpoints.save(step, state, record)

    def stop_requested(self) -> bool:
        # Processes must stop at the same step, or the collectives of the next one would hang.
        return self._vote.agreed() if joined() else self._signalled()

    def _signalled(self) -> bool:
        """Returns True if this is the only process and it has received a signal."""
        return not joined() and self._signals.received is not None

    def _write(self, step: int, values: Mapping[str, float]) -> None:
        if self._log is not None:
            self._log.write(step, values)


def say(line: str) -> None:
    """Prints a line on process 0."""
    if is_first_process():
        console.say(line)


def warn(line: str) -> None:
    """Prints a line on stderr of process 0."""
    if is_first_process():
        console.warn(line)
