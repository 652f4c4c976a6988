"""What one command does: ``train`` and ``evaluate_run`` compose the rooms. No flags here.

Both take values and return results, so they serve a notebook as well as the command line.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from aedenoise.bench import Bench, set_up
from aedenoise.errors import DataError
from aedenoise.evaluation.evaluate import Results
from aedenoise.experiment import Experiment, RunOptions
from aedenoise.records import Measures, config_record, evaluation_record, results_record, tables_of
from aedenoise.reporting.console import Progress, artifacts_line, results_table, say
from aedenoise.reporting.figures import artifacts_figure, curve_figure, denoised_figure, strip
from aedenoise.reporting.metrics_log import MetricsLog, read_series
from aedenoise.runtime import prepare_process
from aedenoise.training import loop
from aedenoise.training.checkpoints import Checkpoints, parameter_count
from aedenoise.training.parallel import automatic_steps_per_call
from aedenoise.training.preemption import StopSignals
from aedenoise.training.task import Params, TrainState, create_state, run_keys
from aedenoise.workdir import Workdir, read_json, write_json


def train(experiment: Experiment, options: RunOptions) -> dict[str, Any] | None:
    """Trains from the newest checkpoint to the end, evaluates, and writes the results.

    A finished run is only reported. On SIGTERM or SIGINT the state is saved and None returned.

    Returns:
      The content of ``results.json``, or None if the run was stopped early.
    """
    workdir = Workdir(options.workdir)
    if not options.overwrite:
        workdir.claim(experiment, overwrite=False)
        if workdir.results.exists():
            finished = read_json(workdir.results)
            say(f"{workdir.path} is finished ({finished['train']['steps']} steps); nothing to do")
            say(results_table(tables_of(finished)))
            return finished
    prepare_process(say)
    bench = set_up(experiment, options, notify=say)
    if options.overwrite:
        # Only now: the old run is not given up for one that cannot start.
        workdir.claim(experiment, overwrite=True)
    _start_line(bench, options)
    _record_config(workdir, bench)
    plan = loop.Plan(
        steps_per_epoch=bench.batches.steps_per_epoch,
        epochs=experiment.epochs,
        steps_per_call=options.steps_per_call or automatic_steps_per_call(),
        log_every=options.log_every,
        save_every=options.save_every,
        eval_every=options.eval_every,
    )
    init_key, noise_key = run_keys(experiment.seed)
    with StopSignals() as signals, Checkpoints(workdir.checkpoints) as checkpoints:
        if checkpoints.latest_step() is None:
            state = bench.executor.replicate(create_state(bench.task, init_key, bench.image_shape))
            clock = loop.Clock()
        else:
            state, record = checkpoints.restore(bench.state_like())
            clock = loop.Clock(**record)
            say(f"continuing from step {int(state.step)} of {plan.total_steps}")
        with (
            MetricsLog(workdir.metrics, workdir.tensorboard, step=int(state.step)) as log,
            Progress(plan.total_steps, int(state.step)) as progress,
        ):
            observer = _Observer(bench, plan, signals, checkpoints, log, progress, clock)
            state, complete = loop.train(
                state,
                step_fn=bench.step_fn,
                executor=bench.executor,
                key=bench.executor.replicate(noise_key),
                split=bench.split,
                batch_at=bench.batches,
                plan=plan,
                observer=observer,
                clock=clock,
            )
    if not complete:
        name = signals.received.name if signals.received else "stop"
        say(
            f"{name}: saved step {int(state.step)} of {plan.total_steps} in {workdir.path}; "
            "the same command continues"
        )
        return None
    # None where an earlier session was killed between the last checkpoint and this line.
    evaluation = observer.results or bench.evaluate(state.params)
    measures, pictures = observer.grid or bench.grid(state.params)
    _write_figures(workdir, bench, state.params, evaluation, pictures)
    results = results_record(bench, evaluation, measures, clock)
    write_json(workdir.results, results)
    say(results_table(evaluation))
    say(artifacts_line(measures))
    speed = f", {clock.images_per_second:,.0f} images/s" if clock.images_per_second else ""
    say(f"{clock.seconds:.1f} s of training{speed} | results and figures are in {workdir.path}")
    return results


def evaluate_run(experiment: Experiment, options: RunOptions) -> dict[str, Any]:
    """Restores the newest checkpoint of ``options.workdir`` and evaluates it.

    Args:
      experiment: the run's own (``Workdir.read_experiment``), or a variant of it that differs
        in data or noise alone.
      options: workdir, data_dir and parallel are used.

    Returns:
      What is also written to ``eval.json``: step, data, noise, and the table's numbers.
    """
    workdir = Workdir(options.workdir)
    prepare_process(say)
    bench = set_up(experiment, options, notify=say, training=False)
    with Checkpoints(workdir.checkpoints, read_only=True) as checkpoints:
        state, _ = checkpoints.restore(bench.state_like())
    step = int(state.step)
    _start_line(bench, options)
    evaluation = bench.evaluate(state.params)
    measures, _ = bench.grid(state.params)
    results = evaluation_record(bench, evaluation, measures, step)
    say(f"checkpoint of step {step} of {workdir.read_config()['total_steps']}")
    say(results_table(evaluation))
    say(artifacts_line(measures))
    try:
        write_json(workdir.evaluation, results)
    except OSError as error:
        say(f"(not written to {workdir.evaluation}: {error.strerror})")
    return results


class _Observer:
    """Takes what the loop says to the files and the console."""

    def __init__(
        self,
        bench: Bench,
        plan: loop.Plan,
        signals: StopSignals,
        checkpoints: Checkpoints,
        log: MetricsLog,
        progress: Progress,
        clock: loop.Clock,
    ) -> None:
        self.results: Results | None = None
        self.grid: tuple[Measures, dict[str, np.ndarray]] | None = None
        self._bench = bench
        self._plan = plan
        self._signals = signals
        self._checkpoints = checkpoints
        self._log = log
        self._progress = progress
        self._clock = clock

    def stepped(self, step: int) -> None:
        self._progress.stepped(step)

    def logged(self, step: int, values: dict[str, float]) -> None:
        self._progress.logged(values["loss"], self._clock.images_per_second)
        self._log.write(step, {f"train/{name}": value for name, value in values.items()})

    def evaluate(self, step: int, state: TrainState) -> None:
        self.results = self._bench.evaluate(state.params)
        values = {f"eval/{name}": value for name, value in self.results["denoised"].items()}
        if step == self._plan.total_steps:
            self.grid = self._bench.grid(state.params)
            for place, found in self.grid[0].items():
                values |= {f"artifacts/{place}_{name}": value for name, value in found.items()}
        self._log.write(step, values)
        self._log.write_image(step, "denoised", strip(*self._bench.examples(state.params)))
        epoch = step // self._plan.steps_per_epoch
        say(
            f"epoch {epoch}/{self._plan.epochs}: test PSNR {values['eval/psnr']:.2f} dB, "
            f"SSIM {values['eval/ssim']:.4f}, BCE {values['eval/bce']:.4f}"
        )

    def save(self, step: int, state: TrainState) -> None:
        self._checkpoints.save(step, state, dataclasses.asdict(self._clock))

    def stop_requested(self) -> bool:
        return self._signals.received is not None


def _record_config(workdir: Workdir, bench: Bench) -> None:
    """Writes ``config.json`` once; a run that goes on must find the same data again."""
    if not workdir.config.exists():
        workdir.write_config(bench.experiment, config_record(bench))
        return
    recorded = workdir.read_config()["dataset"]["digest"]
    if recorded != bench.dataset.digest:
        raise DataError(
            f"{bench.dataset.name} is not the data this run began with: digest "
            f"{bench.dataset.digest[:12]}, recorded {recorded[:12]}; check --data_dir"
        )


def _start_line(bench: Bench, options: RunOptions) -> None:
    data, noise = bench.dataset, bench.experiment.noise
    count, kind = jax.device_count(), jax.devices()[0].device_kind
    own = bench.lowering == "auto" and jax.default_backend() == "cpu"
    convolutions = "own kernels" if own else "XLA's convolutions"
    say(
        f"{bench.experiment.label}: {options.parallel} on {count} {kind} "
        f"device{'s' if count > 1 else ''}, {convolutions} | "
        f"{data.name} {data.digest[:12]}, "
        f"{len(data.train.images):,} + {len(data.test.images):,} images "
        f"{' x '.join(map(str, bench.image_shape))} | "
        f"{noise.kind} noise {noise.level:g}{', clipped' if noise.clip else ''} | "
        f"{parameter_count(bench.state_like().params):,} parameters"
    )


def _write_figures(
    workdir: Workdir,
    bench: Bench,
    params: Params,
    evaluation: Results,
    pictures: dict[str, np.ndarray],
) -> None:
    original, noisy, denoised = bench.examples(params)
    denoised_figure(
        workdir.figures / "denoised.png",
        original=original,
        noisy=noisy,
        denoised=denoised,
        title=(
            f"{bench.experiment.label}: {bench.dataset.name}, "
            f"sigma {bench.experiment.noise.level:g}, PSNR "
            f"{evaluation['noisy']['psnr']:.2f} to {evaluation['denoised']['psnr']:.2f} dB"
        ),
    )
    artifacts_figure(
        workdir.figures / "artifacts.png",
        rows={bench.experiment.label: pictures},
        titles={
            "residual": "mean residual",
            "spectrum": "residual's spectrum",
            "constant": "constant code",
        },
    )
    name = bench.experiment.loss
    curve_figure(
        workdir.figures / "curve.png",
        loss_name=name.upper(),
        loss=read_series(workdir.metrics, "train/loss"),
        test_loss=read_series(workdir.metrics, f"eval/{name}"),
        psnr=read_series(workdir.metrics, "eval/psnr"),
        steps_per_epoch=bench.batches.steps_per_epoch,
        title=f"{bench.experiment.label}: {bench.dataset.name}",
    )
