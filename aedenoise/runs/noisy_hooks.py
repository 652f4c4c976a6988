"""Training hooks of a run on noisy pictures: estimates in place of measurements."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from aedenoise.config.options import RunOptions
from aedenoise.evaluation.blind import STEIN
from aedenoise.reporting.figures import contact_sheet, curve_figure, strip
from aedenoise.reporting.flat import flat
from aedenoise.reporting.metrics_log import read_series
from aedenoise.reporting.result_lines import estimates_lines, worse_than_input
from aedenoise.runs.hooks import TrainingHooks, say
from aedenoise.runs.noisy import Estimates, NoisyWorkload
from aedenoise.runs.records import dataset_record, environment, training_record
from aedenoise.runtime.distributed import is_first_process
from aedenoise.training.task import Params, TrainState, parameter_count

# Entries of an estimate that are logged.
_LOGGED = ("psnr_estimate", "mse_estimate", "noise_level", "change", "score")


class NoisyHooks(TrainingHooks):
    """Training hooks of a run without clean images, see ``TrainingHooks``.

    The best checkpoint is the one with the lowest estimated error.
    """

    measure = "score"

    def __init__(self, workload: NoisyWorkload, *outside: Any) -> None:
        super().__init__(*outside)
        self._workload = workload
        self._last: Estimates | None = None

    def _evaluated(self, step: int, state: TrainState) -> float:
        last = step == self._plan.total_steps
        found = self._workload.evaluate(state.params, self._signalled, thorough=last)
        denoised = found["denoised"]
        values = {f"eval/{name}": float(denoised[name]) for name in _LOGGED if name in denoised}
        if last:
            self._last = found
        self._write(step, values)
        if self._log is not None:
            if last:
                quality = {"eval/psnr_estimate": values["eval/psnr_estimate"]}
                self._log.write_settings(step, flat(self._config["experiment"]), quality)
            self._log.write_image(step, "denoised", strip(*self._workload.examples(state.params)))
        epoch = step // self._plan.steps_per_epoch
        level = f", noise level {denoised['noise_level']:.4f}" if "noise_level" in denoised else ""
        say(
            f"epoch {epoch}/{self._plan.epochs}: estimated PSNR "
            f"{denoised['psnr_estimate']:.2f} dB{level}"
        )
        score: float = denoised["score"]
        return score

    def finish(self, state: TrainState, options: RunOptions) -> dict[str, Any]:
        workload = self._workload
        found = self._last or workload.evaluate(state.params)
        results = {
            **estimates_record(workload, found),
            "train": training_record(workload, self._clock, self._last_loss()),
            "best": dict(self.best),
            "parameters": parameter_count(workload.state_like().params),
        }
        if is_first_process():
            self._write_figures(state.params, found)
        self.show(results)
        denoised, noisy = found["denoised"], found["noisy"]
        # A lower bound says nothing about which is better.
        if denoised["method"] == STEIN:
            advice = worse_than_input(
                denoised["psnr_estimate"], noisy["psnr_estimate"], workload.total_steps
            )
            if advice:
                say(advice)
        if self.best["step"] != workload.total_steps:
            say(
                f"best estimate after step {self.best['step']} "
                f"(denoise --workdir={self._workdir.path} --checkpoint=best)"
            )
        return results

    def _write_figures(self, params: Params, found: Estimates) -> None:
        workload, figures = self._workload, self._workdir.figures
        noisy, denoised = workload.examples(params)
        rows = {"noisy": noisy, "denoised": denoised, "removed": 0.5 + noisy - denoised}
        label = workload.experiment.label
        contact_sheet(
            figures / "denoised.png",
            rows=[
                np.rint(np.clip(row, 0.0, 1.0) * 255.0).astype(np.uint8) for row in rows.values()
            ],
            names=list(rows),
            title=(
                f"{label}: held-out pictures, estimated PSNR "
                f"{found['denoised']['psnr_estimate']:.2f} dB"
            ),
        )
        curve_figure(
            figures / "curve.png",
            loss_name=workload.task.loss_name.upper(),
            loss=read_series(self._workdir.metrics, "train/loss"),
            test_loss=([], []),
            psnr=read_series(self._workdir.metrics, "eval/psnr_estimate"),
            psnr_name="estimated PSNR",
            steps_per_epoch=workload.batches.steps_per_epoch,
            title=f"{label}: {workload.dataset.name}",
        )

    @staticmethod
    def show(results: Mapping[str, Any]) -> None:
        """Prints the results of a finished run."""
        say(estimates_lines(results))


def estimates_record(workload: NoisyWorkload, found: Estimates) -> dict[str, Any]:
    """Builds the part of ``results.json`` and ``eval.json`` that an evaluation gives.

    There is no ``psnr``, which needs clean images.
    """
    return {
        "experiment": workload.experiment.label,
        "noise": dataclasses.asdict(workload.experiment.noise),
        "dataset": dataset_record(workload),
        "estimates": found["denoised"],
        "noisy": found["noisy"],
        "test_set": found["dataset"],
        "environment": environment(),
    }
