"""What happens between the calls of a training run: files, console, checkpoints, signals."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from aedenoise.bench import Bench
from aedenoise.evaluation.evaluate import AbandonedError, Results
from aedenoise.records import Measures
from aedenoise.reporting import console
from aedenoise.reporting.console import Progress
from aedenoise.reporting.figures import strip
from aedenoise.reporting.flat import flat
from aedenoise.reporting.metrics_log import MetricsLog
from aedenoise.training import loop
from aedenoise.training.checkpoints import Checkpoints
from aedenoise.training.hosts import StopVote, is_first_process, joined
from aedenoise.training.preemption import StopSignals
from aedenoise.training.spikes import Spike
from aedenoise.training.task import TrainState
from aedenoise.workdir import Workdir


class RunObserver:
    """Takes what the loop says to the files and the console.

    Attributes:
      results, grid: the evaluation of the last step, once it is done.
      best: step and test PSNR of the best evaluation so far; empty before the first.
    """

    def __init__(
        self,
        bench: Bench,
        plan: loop.Plan,
        signals: StopSignals,
        checkpoints: Checkpoints,
        workdir: Workdir,
        log: MetricsLog | None,
        progress: Progress,
        clock: loop.Clock,
    ) -> None:
        self.results: Results | None = None
        self.grid: tuple[Measures, dict[str, np.ndarray]] | None = None
        self.best: dict[str, Any] = {}
        self._bench = bench
        self._plan = plan
        self._signals = signals
        self._checkpoints = checkpoints
        self._config = workdir.read_config()
        self._log = log
        self._progress = progress
        self._clock = clock
        self._vote = StopVote()
        self._owes_evaluation = False

    def take_up(self, step: int, state: TrainState, record: Mapping[str, Any] | None) -> None:
        """Goes on where the session that saved ``record`` stopped."""
        if record is None:
            return
        self.best = dict(record["best"])
        self._checkpoints.best = self.best.get("step")
        if record["owes_evaluation"]:
            self.evaluate(step, state)

    def stepped(self, step: int) -> None:
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
            results = self._bench.evaluate(state.params, self._signalled)
        except AbandonedError:
            return
        self._owes_evaluation = False
        values = {f"eval/{name}": value for name, value in results["denoised"].items()}
        if step == self._plan.total_steps:
            self.results, self.grid = results, self._bench.grid(state.params)
            for place, found in self.grid[0].items():
                values |= {f"artifacts/{place}_{name}": value for name, value in found.items()}
        self._write(step, values)
        if self._log is not None and step == self._plan.total_steps:
            quality = {name: values[name] for name in ("eval/psnr", "eval/ssim", "eval/bce")}
            self._log.write_settings(step, flat(self._config["experiment"]), quality)
        if self._log is not None:
            pictures = strip(*self._bench.examples(state.params))
            self._log.write_image(step, "denoised", pictures)
        if values["eval/psnr"] > self.best.get("psnr", -math.inf):
            self.best = {"step": step, "psnr": values["eval/psnr"]}
            self._checkpoints.best = step
        epoch = step // self._plan.steps_per_epoch
        say(
            f"epoch {epoch}/{self._plan.epochs}: test PSNR {values['eval/psnr']:.2f} dB, "
            f"SSIM {values['eval/ssim']:.4f}, BCE {values['eval/bce']:.4f}"
        )

    def save(self, step: int, state: TrainState) -> None:
        record = {
            "clock": dataclasses.asdict(self._clock),
            "best": self.best,
            "owes_evaluation": self._owes_evaluation,
            "config": self._config,
        }
        self._checkpoints.save(step, state, record)

    def stop_requested(self) -> bool:
        return self._vote.agreed() if joined() else self._signalled()

    def _signalled(self) -> bool:
        """Whether this process, being the only one, was told to stop."""
        return not joined() and self._signals.received is not None

    def _write(self, step: int, values: Mapping[str, float]) -> None:
        if self._log is not None:
            self._log.write(step, values)


def say(line: str) -> None:
    """Prints a line, in process 0."""
    if is_first_process():
        console.say(line)
