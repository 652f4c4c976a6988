"""Training of a network: resumes the run, evaluates, and writes results.

Arguments and results are values, so that notebooks can call it as well as the command line.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Any

import jax

from aedenoise.config import Experiment
from aedenoise.config.options import RunOptions
from aedenoise.data.reading import Dataset
from aedenoise.files import write_json
from aedenoise.reporting.console import Progress
from aedenoise.reporting.flat import flat
from aedenoise.reporting.metrics_log import MetricsLog
from aedenoise.reporting.wandb_log import WandbLog
from aedenoise.runs.figures import stages_line, start_line
from aedenoise.runs.hooks import say, warn
from aedenoise.runs.kinds import make_workload, select_hooks
from aedenoise.runs.report_page import write_page
from aedenoise.runs.resume import check_origin, open_workdir, record_config, report_finished
from aedenoise.runs.workload import Workload
from aedenoise.runtime import accelerators
from aedenoise.runtime.distributed import first_process_first, first_says, is_first_process
from aedenoise.runtime.preemption import StopSignals
from aedenoise.runtime.process import prepare_process
from aedenoise.training import loop
from aedenoise.training.checkpoint_place import find_checkpoints
from aedenoise.training.checkpoints import Checkpoints
from aedenoise.training.components import NO_COMPONENTS, Components
from aedenoise.training.sharding import automatic_steps_per_call, devices_here
from aedenoise.training.task import run_keys
from aedenoise.training.workdir import Workdir


def train(
    experiment: Experiment,
    options: RunOptions,
    signals: StopSignals | None = None,
    *,
    components: Components = NO_COMPONENTS,
    dataset: Dataset | None = None,
) -> dict[str, Any] | None:
    """Trains from the newest checkpoint to the last step, evaluates, and writes the results.

    A finished run is only reported. Every process of a run calls this; process 0 alone writes
    files and prints, except for checkpoints, which all processes save together.

    Args:
      experiment: configuration of the run.
      options: workdir, devices, logging and other options of the run.
      signals: handler that the command line installed; None: SIGTERM and SIGINT are handled here.
      components: custom components, in place of the experiment's.
      dataset: dataset from Python, in place of the experiment's.

    Returns:
      The content of ``results.json``; None if a signal stopped the run and its state is saved.

    Raises:
      Stopped: if a signal arrives while there is nothing to save.
      UsageError, DataError, CheckpointError, StorageError, DivergedError: see
        ``aedenoise.errors``.
    """
    if signals is None:
        with StopSignals() as own:
            return train(experiment, options, own, components=components, dataset=dataset)
    devices_here()
    workdir = Workdir(options.workdir)
    if options.overwrite:
        first_process_first(workdir.check_replaceable)
    else:
        asked = experiment
        experiment = first_process_first(lambda: workdir.check(asked, components.names))
        if first_says(workdir.is_finished(experiment)):
            return report_finished(experiment, workdir, dataset)
    # Asked now, since training would find out at its end; nothing is created before all is checked.
    first_process_first(workdir.check_writable)
    prepare_process(say)
    _say_what_is_left_unused()
    workload = make_workload(
        experiment, options, notify=say, components=components, dataset=dataset
    )
    with workdir.alone() if is_first_process() else nullcontext():
        # After the workload is built, so that a run that cannot start leaves the old one.
        first_process_first(lambda: open_workdir(workdir, options))
        with Checkpoints(
            find_checkpoints(workdir, options.checkpoint_dir), notify=warn
        ) as checkpoints:
            return _train(workload, options, workdir, checkpoints, signals)


def _train(
    workload: Workload,
    options: RunOptions,
    workdir: Workdir,
    checkpoints: Checkpoints,
    signals: StopSignals,
) -> dict[str, Any] | None:
    plan = loop.Plan(
        steps_per_epoch=workload.batches.steps_per_epoch,
        epochs=workload.experiment.epochs,
        steps_per_call=options.steps_per_call or automatic_steps_per_call(),
        log_every=options.log_every,
        save_every=options.save_every,
        eval_every=options.eval_every,
        starts=workload.starts,
        spikes=workload.spikes,
    )
    say(start_line(workload, options))
    if line := stages_line(workload.experiment):
        say(line)
    # On all processes together: Orbax has barriers of its own.
    saved = checkpoints.newest_record()
    check_origin(workdir, checkpoints, saved)
    first_process_first(lambda: record_config(workdir, workload, saved, options.command))
    init_key, noise_key = run_keys(workload.experiment.seed)
    record = None
    if checkpoints.steps():
        restored = checkpoints.restore(workload.state_like())
        state, record = restored.state, restored.record
        clock = loop.Clock(**record["clock"])
        say(f"continuing from step {restored.step} of {plan.total_steps}")
    else:
        state = workload.create_state(init_key)
        clock = loop.Clock()
    step = int(state.step)
    with (
        MetricsLog(
            workdir.metrics,
            workdir.tensorboard,
            step=step,
            wandb=_wandb(workload, workdir, options),
        )
        if is_first_process()
        else nullcontext() as log,
        Progress(plan.total_steps, step, quiet=not is_first_process()) as progress,
    ):
        observer = select_hooks(workload.experiment)(
            workload, plan, signals, checkpoints, workdir, log, progress, clock
        )
        observer.take_up(step, state, record)
        state, complete = loop.train(
            state,
            step_fn=workload.step_fn,
            executor=workload.executor,
            key=workload.executor.replicate(noise_key),
            split=workload.split,
            batch_at=workload.batches,
            plan=plan,
            observer=observer,
            clock=clock,
        )
    if not complete:
        # Without a received signal, another host of the run is preempted.
        name = signals.received.name if signals.received else "preemption"
        say(
            f"{name}: saved step {int(state.step)} of {plan.total_steps} in {workdir.path}; "
            "the same command continues"
        )
        return None
    # The final state is saved, so that a signal may interrupt evaluation and figures.
    signals.interrupt()
    results: dict[str, Any] = observer.finish(state, options)
    # results.json marks the run as finished, so everything else except the page comes first.
    if is_first_process():
        write_json(workdir.results, results)
        write_page([workdir.path], workdir.page)
    # The seconds are what the user waited for; the rate compares machines and networks.
    rate = clock.images_per_second
    speed = f", {rate:,.0f} images/s without compilation and evaluation" if rate else ""
    say(f"{clock.seconds:.1f} s of training{speed} | results and report.html are in {workdir.path}")
    return results


def _wandb(workload: Workload, workdir: Workdir, options: RunOptions) -> WandbLog | None:
    if not options.wandb:
        return None
    config = flat(workdir.read_config()["experiment"])
    return WandbLog(options.wandb, workload.experiment.label, config, workdir.wandb, say)


def _say_what_is_left_unused() -> None:
    # The platform that a flag or the program chose, else the one of the environment variable.
    asked = getattr(jax.config, "jax_platforms", None) or ""
    expected = accelerators.expected({**os.environ, "JAX_PLATFORMS": asked})
    if expected and jax.default_backend() != expected[0]:
        say(
            f"using the {jax.default_backend()} although {expected[1]}; run --mode=doctor, or set "
            "JAX_PLATFORMS=cpu to silence this"
        )
