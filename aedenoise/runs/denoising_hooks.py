"""Training hooks of a denoiser: evaluation, logging, figures and results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aedenoise.config.options import RunOptions
from aedenoise.evaluation.evaluate import Results
from aedenoise.reporting.figures import strip
from aedenoise.reporting.flat import flat
from aedenoise.reporting.result_lines import artifacts_line, nothing_learnt, results_table
from aedenoise.runs.baselines import evaluate_baselines
from aedenoise.runs.denoising import DenoisingWorkload
from aedenoise.runs.figures import say_baselines, write_figures
from aedenoise.runs.hooks import TrainingHooks, say
from aedenoise.runs.records import Measures, read_tables, results_record
from aedenoise.runtime.distributed import is_first_process
from aedenoise.training.task import TrainState


class DenoisingHooks(TrainingHooks):
    """Training hooks of a denoiser, see ``TrainingHooks``.

    Attributes:
      results, grid: evaluation and checkerboard measures of the last step; None before.
    """

    def __init__(self, workload: DenoisingWorkload, *outside: Any) -> None:
        super().__init__(*outside)
        self._workload = workload
        self.results: Results | None = None
        self.grid: tuple[Measures, dict[str, np.ndarray]] | None = None

    def _evaluated(self, step: int, state: TrainState) -> float:
        results = self._workload.evaluate(state.params, self._signalled)
        values = {f"eval/{name}": value for name, value in results["denoised"].items()}
        # Kept for ``finish``, so that the last state is evaluated once.
        if step == self._plan.total_steps:
            self.results, self.grid = results, self._workload.grid(state.params)
            for place, found in self.grid[0].items():
                values |= {f"artifacts/{place}_{name}": value for name, value in found.items()}
        self._write(step, values)
        if self._log is not None and step == self._plan.total_steps:
            quality = {name: values[name] for name in ("eval/psnr", "eval/ssim", "eval/bce")}
            self._log.write_settings(step, flat(self._config["experiment"]), quality)
        if self._log is not None:
            pictures = strip(*self._workload.examples(state.params))
            self._log.write_image(step, "denoised", pictures)
        epoch = step // self._plan.steps_per_epoch
        say(
            f"epoch {epoch}/{self._plan.epochs}: test PSNR {values['eval/psnr']:.2f} dB, "
            f"SSIM {values['eval/ssim']:.4f}, BCE {values['eval/bce']:.4f}"
        )
        return values["eval/psnr"]

    def finish(self, state: TrainState, options: RunOptions) -> dict[str, Any]:
        """Evaluates the last state if needed, prints tables and writes figures.

        Returns:
          The content of ``results.json``.
        """
        workload = self._workload
        # None if an earlier session was killed between the last checkpoint and this line.
        evaluation = self.results or workload.evaluate(state.params)
        measures, pictures = self.grid or workload.grid(state.params)
        say(results_table(evaluation))
        advice = nothing_learnt(evaluation, workload.task.loss_name, workload.total_steps)
        if advice:
            say(advice)
        # On every process, not the first alone: JAX ends a run if the processes that are done
        # wait too long for the last one.
        baseline_results, rows = evaluate_baselines(
            workload, state.params, say if options.baselines else None, bm3d=options.bm3d
        )
        results = results_record(
            workload,
            evaluation,
            measures,
            self._clock,
            self.best,
            baseline_results,
            self._last_loss(),
        )
        if is_first_process():
            write_figures(
                self._workdir, workload, state.params, evaluation, pictures, rows, baseline_results
            )
        say_baselines(results)
        say(artifacts_line(measures))
        if self.best["step"] != workload.total_steps:
            say(
                f"best test PSNR: {self.best['psnr']:.2f} dB, after step {self.best['step']} "
                f"(eval --workdir={self._workdir.path} --checkpoint=best)"
            )
        return results

    @staticmethod
    def show(results: Mapping[str, Any]) -> None:
        """Prints the results of a finished run."""
        say(results_table(read_tables(results)))
        say_baselines(results)
