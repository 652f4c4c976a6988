"""What one command does: ``train`` and ``evaluate`` compose the rooms. No flags here.

Both take values and return results, so they serve a notebook as well as the command line.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from aedenoise import __version__
from aedenoise.data.batches import TrainBatches, eval_batches
from aedenoise.data.reading import Dataset, Split, load
from aedenoise.errors import DataError, UsageError
from aedenoise.evaluation.evaluate import (
    Results,
    evaluate,
    evaluation_key,
    make_eval_step,
    noisy_images,
    predict,
)
from aedenoise.experiment import DataConfig, Experiment, RunOptions
from aedenoise.reporting.console import Progress, results_table, say
from aedenoise.reporting.figures import denoised_figure, strip
from aedenoise.reporting.metrics_log import MetricsLog
from aedenoise.training import loop
from aedenoise.training.checkpoints import Checkpoints, parameter_count
from aedenoise.training.parallel import Executor, automatic_steps_per_call, make_executor
from aedenoise.training.preemption import StopSignals
from aedenoise.training.step import scale, train_step
from aedenoise.training.task import (
    Params,
    Task,
    TrainState,
    abstract_state,
    create_state,
    make_task,
    run_keys,
)
from aedenoise.workdir import Workdir, read_json, write_json

EVAL_BATCH = 256
SHOWN_IMAGES = 12


@dataclass(frozen=True)
class Bench:
    """An experiment with everything it works on, ready to train or to evaluate."""

    experiment: Experiment
    executor: Executor
    dataset: Dataset
    task: Task
    batches: TrainBatches
    eval_fn: Any
    predict_fn: Any

    @property
    def image_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.dataset.train.images.shape[1:]
        return height, width, channels

    @property
    def total_steps(self) -> int:
        return self.batches.steps_per_epoch * self.experiment.epochs

    def evaluate(self, params: Params) -> Results:
        """Quality over the whole test split."""
        size = -(-EVAL_BATCH // jax.device_count()) * jax.device_count()
        return evaluate(self.eval_fn, params, eval_batches(self.dataset.test.images, size))

    def examples(self, params: Params) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Some test images: original, noisy as evaluation shows them, and denoised."""
        images = self.dataset.test.images
        shown = np.linspace(0, len(images) - 1, min(SHOWN_IMAGES, len(images))).astype(np.int32)
        chosen = next(eval_batches(images[shown], len(shown)))._replace(index=shown)
        noisy = noisy_images(self.task.corrupt, evaluation_key(), chosen)
        return (
            np.asarray(scale(jax.numpy.asarray(chosen.image))),
            np.asarray(noisy),
            np.asarray(self.predict_fn(params, noisy)),
        )


def prepare(experiment: Experiment, options: RunOptions) -> Bench:
    """Checks the devices, loads the data and builds the functions of a run."""
    executor = make_executor(options.parallel, experiment.batch_size)
    dataset = load(experiment.data.dataset, options.data_dir, notify=say)
    dataset = _limited(dataset, experiment.data)
    height, width, channels = dataset.train.images.shape[1:]
    divisor = experiment.model.downsampling
    if height % divisor or width % divisor:
        raise UsageError(
            f"{dataset.name} has {height} x {width} pixels, which "
            f"{len(experiment.model.encoder_features)} stages of stride "
            f"{experiment.model.stride} cannot return to: sides must be divisible by {divisor}"
        )
    batches = TrainBatches(
        dataset.train.images, batch_size=experiment.batch_size, seed=experiment.seed
    )
    task = make_task(
        experiment, channels=channels, total_steps=batches.steps_per_epoch * experiment.epochs
    )
    mean_image = (dataset.train.images.mean(axis=0, dtype=np.float64) / 255.0).astype(np.float32)
    return Bench(
        experiment=experiment,
        executor=executor,
        dataset=dataset,
        task=task,
        batches=batches,
        eval_fn=executor.evaluate(make_eval_step(task.model, task.corrupt, mean_image)),
        predict_fn=jax.jit(lambda params, noisy: predict(task.model, params, noisy)),
    )


def train(experiment: Experiment, options: RunOptions) -> dict[str, Any] | None:
    """Trains from the newest checkpoint to the end, evaluates, and writes the results.

    A finished run is only reported. On SIGTERM or SIGINT the state is saved and None returned.

    Returns:
      The content of ``results.json``, or None if the run was stopped early.
    """
    workdir = Workdir(options.workdir)
    workdir.claim(experiment, overwrite=options.overwrite)
    if workdir.results.exists():
        results = read_json(workdir.results)
        say(f"{workdir.path} is finished ({results['train']['steps']} steps); nothing to do")
        say(results_table(_tables(results)))
        return results

    bench = prepare(experiment, options)
    init_key, noise_key = run_keys(experiment.seed)
    say(_start_line(bench, options))
    _record_config(workdir, bench)
    plan = loop.Plan(
        steps_per_epoch=bench.batches.steps_per_epoch,
        epochs=experiment.epochs,
        steps_per_call=options.steps_per_call or automatic_steps_per_call(),
        log_every=options.log_every,
        save_every=options.save_every,
        eval_every=options.eval_every,
    )
    clock = loop.Clock()
    with StopSignals() as signals, Checkpoints(workdir.checkpoints) as checkpoints:
        step = checkpoints.latest_step() or 0
        if step:
            like = bench.executor.abstract(abstract_state(bench.task, bench.image_shape))
            state, clock_record = checkpoints.restore(like)
            clock = loop.Clock(**clock_record)
            say(f"continuing from step {step} of {plan.total_steps}")
        else:
            state = bench.executor.replicate(
                create_state(bench.task, init_key, bench.image_shape)
            )
        with (
            MetricsLog(workdir.metrics, workdir.tensorboard, step=step) as log,
            Progress(plan.total_steps, step) as progress,
        ):
            observer = _Observer(bench, plan, signals, checkpoints, log, progress, clock)
            state, complete = loop.train(
                state,
                step_fn=_step_fn(bench.task),
                executor=bench.executor,
                key=bench.executor.replicate(noise_key),
                batch_at=bench.batches,
                plan=plan,
                observer=observer,
                clock=clock,
            )
    if not complete:
        assert signals.received is not None
        say(
            f"{signals.received.name}: saved step {int(state.step)} of {plan.total_steps} in "
            f"{workdir.path}; the same command continues"
        )
        return None
    evaluation = observer.results or bench.evaluate(state.params)
    results = {
        "experiment": experiment.label,
        "dataset": _dataset_record(bench),
        **_results_record(evaluation),
        "train": {
            "steps": plan.total_steps,
            "epochs": experiment.epochs,
            "seconds": round(clock.seconds, 3),
            "images_per_second": clock.images_per_second and round(clock.images_per_second, 1),
        },
        "parameters": parameter_count(state.params),
        "environment": _environment(),
    }
    _write_figure(workdir, bench, state.params, evaluation)
    write_json(workdir.results, results)
    say(results_table(evaluation))
    say(_closing_line(workdir, clock))
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
    bench = prepare(experiment, options)
    like = bench.executor.abstract(abstract_state(bench.task, bench.image_shape))
    with Checkpoints(workdir.checkpoints, read_only=True) as checkpoints:
        state, _ = checkpoints.restore(like)
    step = int(state.step)
    say(_start_line(bench, options))
    evaluation = bench.evaluate(state.params)
    results = {
        "experiment": experiment.label,
        "step": step,
        "dataset": _dataset_record(bench),
        "noise": dataclasses.asdict(experiment.noise),
        **_results_record(evaluation),
        "environment": _environment(),
    }
    say(f"checkpoint of step {step}")
    say(results_table(evaluation))
    try:
        write_json(workdir.evaluation, results)
        _write_figure(workdir, bench, state.params, evaluation)
    except OSError as error:
        say(f"(eval.json and the figure are not written: {error.strerror})")
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
        results = self._bench.evaluate(state.params)
        values = {f"eval/{name}": value for name, value in results["denoised"].items()}
        self._log.write(step, values)
        self._log.write_image(step, "denoised", strip(*self._bench.examples(state.params)))
        epoch = step // self._plan.steps_per_epoch
        say(
            f"epoch {epoch}/{self._plan.epochs}: test PSNR {values['eval/psnr']:.2f} dB, "
            f"SSIM {values['eval/ssim']:.4f}, BCE {values['eval/bce']:.4f}"
        )
        self.results = results if step == self._plan.total_steps else None

    def save(self, step: int, state: TrainState, clock: loop.Clock) -> None:
        self._checkpoints.save(step, state, dataclasses.asdict(clock))

    def stop_requested(self) -> bool:
        return self._signals.received is not None


def _step_fn(task: Task) -> Any:
    def step_fn(state: Any, key: Any, batch: Any, axis_name: str | None = None) -> Any:
        return train_step(task, state, key, batch, axis_name=axis_name)

    return step_fn


def _limited(dataset: Dataset, config: DataConfig) -> Dataset:
    def first(split: Split, count: int | None) -> Split:
        # Evenly spaced, so that a set ordered by class or font keeps its mixture.
        total = len(split.images)
        if count is None or count >= total:
            return split
        chosen = np.linspace(0, total - 1, count).astype(np.int64)
        return Split(split.images[chosen], split.labels[chosen])

    return dataclasses.replace(
        dataset,
        train=first(dataset.train, config.train_examples),
        test=first(dataset.test, config.test_examples),
    )


def _record_config(workdir: Workdir, bench: Bench) -> None:
    """Writes ``config.json`` once; a run that goes on must find the same data again."""
    if workdir.config.exists():
        recorded = workdir.read_config()["dataset"]["digest"]
        if recorded != bench.dataset.digest:
            raise DataError(
                f"{bench.dataset.name} is not the data this run began with: digest "
                f"{bench.dataset.digest[:12]}, recorded {recorded[:12]}; check --data_dir"
            )
        return
    workdir.write_config(
        bench.experiment,
        {
            "total_steps": bench.total_steps,
            "dataset": _dataset_record(bench),
            "environment": _environment(),
        },
    )


def _dataset_record(bench: Bench) -> dict[str, Any]:
    return {
        "name": bench.dataset.name,
        "digest": bench.dataset.digest,
        "train": len(bench.dataset.train.images),
        "test": len(bench.dataset.test.images),
        "image_shape": list(bench.image_shape),
    }


def _results_record(evaluation: Results) -> dict[str, Any]:
    """The tables under the names of ``results.json``: the network's is ``eval``."""
    names = {"denoised": "eval", "dataset": "test_set"}
    return {names.get(name, name): values for name, values in evaluation.items()}


def _tables(results: dict[str, Any]) -> Results:
    """The inverse of ``_results_record``."""
    names = {"eval": "denoised", "test_set": "dataset"}
    keys = ("eval", "noisy", "black", "mean_image", "test_set")
    return {names.get(key, key): results[key] for key in keys}


def _environment() -> dict[str, Any]:
    packages = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
    return {
        "aedenoise": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
        "platform": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
    }


def _start_line(bench: Bench, options: RunOptions) -> str:
    data = bench.dataset
    shape = " x ".join(map(str, bench.image_shape))
    shapes = abstract_state(bench.task, bench.image_shape)
    noise = bench.experiment.noise
    return (
        f"{bench.experiment.label}: {options.parallel} on {jax.device_count()} "
        f"{jax.devices()[0].device_kind} device(s) | {data.name} {data.digest[:12]}, "
        f"{len(data.train.images):,} + {len(data.test.images):,} images {shape} | "
        f"{noise.kind} noise {noise.level:g}{', clipped' if noise.clip else ''} | "
        f"{parameter_count(shapes.params):,} parameters"
    )


def _closing_line(workdir: Workdir, clock: loop.Clock) -> str:
    speed = f", {clock.images_per_second:,.0f} images/s" if clock.images_per_second else ""
    return f"{clock.seconds:.1f} s of training{speed} | {workdir.path}/ has the results and figures"


def _write_figure(workdir: Workdir, bench: Bench, params: Params, evaluation: Results) -> None:
    original, noisy, denoised = bench.examples(params)
    denoised_figure(
        workdir.figures / "denoised.png",
        original=original,
        noisy=noisy,
        denoised=denoised,
        title=(
            f"{bench.experiment.label}: {bench.dataset.name}, "
            f"sigma {bench.experiment.noise.level:g}, "
            f"{evaluation['noisy']['psnr']:.2f} dB to {evaluation['denoised']['psnr']:.2f} dB"
        ),
    )
