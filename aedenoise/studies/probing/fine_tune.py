"""Fine-tuning run: devices, checkpoints, signals and the training loop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aedenoise.config.options import ProbeOptions, RunOptions
from aedenoise.data.batches import eval_batches
from aedenoise.reporting.console import Progress
from aedenoise.runs.denoising import DenoisingWorkload
from aedenoise.runs.hooks import say, warn
from aedenoise.runs.task_workload import EVAL_BATCH
from aedenoise.runtime.preemption import StopSignals
from aedenoise.studies.probing.codes import Encode
from aedenoise.studies.probing.regression import Logistic
from aedenoise.studies.probing.tuning import (
    first_state,
    make_confusion_step,
    make_tuning,
    tune_step,
)
from aedenoise.training import loop
from aedenoise.training.checkpoint_folders import remove_checkpoints
from aedenoise.training.checkpoints import Checkpoints
from aedenoise.training.loss_spikes import Spike
from aedenoise.training.sharding import automatic_steps_per_call
from aedenoise.training.task import TrainState, run_keys


def fine_tune(
    workload: DenoisingWorkload,
    encode: Encode,
    params: Any,
    head: Logistic,
    *,
    choice: ProbeOptions,
    options: RunOptions,
    signals: StopSignals,
    folder: Path,
    record: Mapping[str, Any],
) -> np.ndarray | None:
    """Fine-tunes the encoder of ``params`` with a softmax layer initialised from ``head``.

    Repeating the call resumes training, bit for bit.

    Args:
      workload: workload with the data and the number of epochs of fine-tuning.
      encode: function made by ``probing.codes.make_encode``.
      params: parameters of the denoiser.
      head: logistic regression on the code.
      choice: options of fine-tuning.
      options: run options.
      signals: installed signal handlers.
      folder: folder of checkpoints.
      record: identity of this fine-tuning; checkpoints with another record are removed.

    Returns:
      The confusion table of the test split, int ``[K, K]``; None if a signal stopped it.
    """
    labels, test = workload.dataset.train.labels, workload.dataset.test
    tuning = make_tuning(encode, labels, choice, workload.total_steps)

    def step_fn(state: Any, key: Any, batch: Any, *, axis_name: str | None = None) -> Any:
        return tune_step(tuning, state, key, batch, axis_name=axis_name)

    plan = loop.Plan(
        steps_per_epoch=workload.batches.steps_per_epoch,
        epochs=choice.epochs,
        steps_per_call=options.steps_per_call or automatic_steps_per_call(),
        log_every=options.log_every,
        save_every=workload.total_steps,
        eval_every=choice.epochs,
        # Batch losses near zero vary by more than any spike.
        spikes=False,
    )
    _remove_others(folder, record)
    state = first_state(tuning, params, head)
    _, key = run_keys(workload.experiment.seed)
    clock = loop.Clock()
    with Checkpoints(folder, notify=warn) as checkpoints:
        if checkpoints.steps():
            restored = checkpoints.restore(workload.executor.abstract(state))
            state = restored.state
            say(f"fine-tuning resumes at step {restored.step} of {plan.total_steps}")
        else:
            state = workload.executor.replicate(state)
        with Progress(plan.total_steps, int(state.step)) as progress:
            state, complete = loop.train(
                state,
                step_fn=step_fn,
                executor=workload.executor,
                key=workload.executor.replicate(key),
                split=workload.split,
                batch_at=workload.batches,
                plan=plan,
                observer=_Observer(plan, signals, checkpoints, record, progress, clock),
                clock=clock,
            )
    if not complete:
        return None
    # Everything is saved: from here on a signal may interrupt at once.
    signals.interrupt()
    step = make_confusion_step(encode, test.labels, len(head.bias))
    compiled = workload.executor.evaluate(step)
    # Rounded up to a multiple of the device count.
    size = -(-EVAL_BATCH // jax.device_count()) * jax.device_count()
    tables = [compiled(state.params, key, batch) for batch in eval_batches(test.images, size)]
    total: np.ndarray = np.sum([np.asarray(table, np.float64) for table in tables], axis=0)
    return np.round(total).astype(np.int64)


def _remove_others(folder: Path, record: Mapping[str, Any]) -> None:
    if not folder.exists():
        return
    with Checkpoints(folder, read_only=True) as checkpoints:
        found = checkpoints.newest_record()
    if found != record:
        remove_checkpoints(folder)


class _Observer:
    """Hooks of the training loop that show progress and save checkpoints.

    Nothing is evaluated before the end, so that no choice depends on the test set.
    """

    def __init__(
        self,
        plan: loop.Plan,
        signals: StopSignals,
        checkpoints: Checkpoints,
        record: Mapping[str, Any],
        progress: Progress,
        clock: loop.Clock,
    ) -> None:
        self._plan = plan
        self._signals = signals
        self._checkpoints = checkpoints
        self._record = record
        self._progress = progress
        self._clock = clock
        self._loss = 0.0

    def stepped(self, step: int) -> None:
        self._signals.remember()
        self._progress.stepped(step)

    def logged(self, step: int, values: dict[str, float]) -> None:
        self._loss = values["loss"]
        self._progress.logged(self._loss, self._clock.images_per_second)

    def spiked(self, spike: Spike) -> None:
        say(str(spike))

    def evaluate(self, step: int, state: TrainState) -> None:
        return

    def save(self, step: int, state: TrainState) -> None:
        self._checkpoints.save(step, state, self._record)
        if self._plan.ends_epoch(step):
            epoch = step // self._plan.steps_per_epoch
            say(f"fine-tuning, epoch {epoch}/{self._plan.epochs}: cross-entropy {self._loss:.4f}")

    def stop_requested(self) -> bool:
        return self._signals.received is not None
