"""The training loop, its plan of steps, and its hooks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import jax
import numpy as np

from aedenoise.data.batch import Batch
from aedenoise.errors import DivergedError
from aedenoise.training.loss_spikes import Spike, SpikeDetector
from aedenoise.training.sharding import Executor, TrainFn
from aedenoise.training.task import TrainState


@dataclass(frozen=True)
class Plan:
    """Schedule of calls, logs, evaluations and checkpoints of a run.

    All are functions of the step alone: a resumed run makes the same calls as an unbroken one.

    Attributes:
      steps_per_epoch: steps in an epoch, a last partial batch included.
      epochs: epochs in the run.
      steps_per_call: steps in one device call, except at the end of an epoch.
      log_every, save_every: steps between two logs and two checkpoints.
      eval_every: epochs between two evaluations.
      starts: steps at which training changes to another loss.
      spikes: True if loss spikes are reported.
    """

    steps_per_epoch: int
    epochs: int
    steps_per_call: int
    log_every: int
    save_every: int
    eval_every: int
    starts: tuple[int, ...] = ()
    spikes: bool = True

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.epochs

    def call_size(self, step: int) -> int:
        """Returns the number of steps in the call that starts at ``step``."""
        # The remainder of an epoch runs in single steps, so that only two programs are compiled.
        position = step % self.steps_per_epoch
        aligned = position % self.steps_per_call == 0
        fits = position + self.steps_per_call <= self.steps_per_epoch
        return self.steps_per_call if aligned and fits else 1

    def ends_epoch(self, step: int) -> bool:
        return step % self.steps_per_epoch == 0

    def should_log(self, before: int, after: int) -> bool:
        return before // self.log_every < after // self.log_every or self.ends_epoch(after)

    def should_save(self, before: int, after: int) -> bool:
        return before // self.save_every < after // self.save_every or self.ends_epoch(after)

    def should_evaluate(self, step: int) -> bool:
        epoch, rest = divmod(step, self.steps_per_epoch)
        return rest == 0 and (epoch % self.eval_every == 0 or epoch == self.epochs)


class Observer(Protocol):
    """Hooks of the loop, which writes nothing itself."""

    def stepped(self, step: int) -> None:
        """Runs after ``step`` updates have been dispatched to the devices."""
        ...

    def logged(self, step: int, values: dict[str, float]) -> None:
        """Receives the metrics since the last log, fetched from the devices."""
        ...

    def spiked(self, spike: Spike) -> None:
        """Receives the highest loss spike since the last log."""
        ...

    def evaluate(self, step: int, state: TrainState) -> None:
        """Runs a due evaluation; may return early if a stop is requested."""
        ...

    def save(self, step: int, state: TrainState) -> None:
        """Saves a checkpoint; every value logged so far was finite."""
        ...

    def stop_requested(self) -> bool:
        """Returns True to save and stop; polled after each call and each evaluation."""
        ...


class SilentObserver:
    """Hooks without effect, for training of a few seconds."""

    def stepped(self, step: int) -> None:
        return

    def logged(self, step: int, values: dict[str, float]) -> None:
        return

    def spiked(self, spike: Spike) -> None:
        return

    def evaluate(self, step: int, state: TrainState) -> None:
        return

    def save(self, step: int, state: TrainState) -> None:
        return

    def stop_requested(self) -> bool:
        return False


@dataclass
class Clock:
    """Durations of a run, over all its sessions.

    Attributes:
      seconds: total time, with compilation, evaluation and saving.
      steady_seconds, steady_images: training alone, in intervals without compilation.
    """

    seconds: float = 0.0
    steady_seconds: float = 0.0
    steady_images: float = 0.0

    @property
    def images_per_second(self) -> float | None:
        """Returns training images per second, or None before any steady interval."""
        return self.steady_images / self.steady_seconds if self.steady_seconds > 0 else None


@dataclass
class _Interval:
    """Device calls between two logs.

    Attributes:
      metrics: results of each call, still on the devices.
      compiled: True if one of the calls compiled a program.
      last: last step of the interval.
    """

    metrics: list[dict[str, Any]] = field(default_factory=list)
    compiled: bool = False
    last: int = 0


class _Settling:
    """Bookkeeping of finished intervals: logs, loss spikes and the clock."""

    def __init__(self, observer: Observer, clock: Clock, plan: Plan) -> None:
        self._observer, self._clock = observer, clock
        self._spikes = SpikeDetector(plan.starts) if plan.spikes else None
        self._settled = time.perf_counter()
        self._session_start = self._settled - clock.seconds

    def settle(self, interval: _Interval) -> None:
        columns = _fetch(interval.metrics, last=interval.last)
        images = float(columns["count"].sum())
        # Read after the fetch, which waits for the devices: dispatch alone returns at once.
        now = time.perf_counter()
        if not interval.compiled:
            self._clock.steady_seconds += now - self._settled
            self._clock.steady_images += images
        self._clock.seconds = now - self._session_start
        self._settled = now
        self._observer.logged(interval.last, _means(columns))
        if self._spikes is None:
            return
        losses = columns["loss_sum"] / columns["count"]
        spike = self._spikes.look(interval.last - len(losses) + 1, losses.tolist())
        if spike is not None:
            self._observer.spiked(spike)

    def skip(self) -> None:
        """Excludes the time since the last interval from the steady time."""
        self._settled = time.perf_counter()
        self._clock.seconds = self._settled - self._session_start


def train(
    state: TrainState,
    *,
    step_fn: TrainFn,
    executor: Executor,
    key: Any,
    split: Any,
    batch_at: Callable[[int], Batch],
    plan: Plan,
    observer: Observer,
    clock: Clock,
) -> tuple[TrainState, bool]:
    """Trains from ``state.step`` to the end of ``plan``, or until a stop is requested.

    Devices never wait for a log: an interval is fetched after the next call is dispatched.

    Args:
      state: replicated state; its buffers are donated.
      step_fn: the pure step ``(state, key, batch, axis_name=)``.
      executor: executor of the step on the devices.
      key: the run's noise key.
      split: result of ``executor.place`` for the training images, or None.
      batch_at: host batch of a step, of fixed size; includes images if ``split`` is None.
      plan: schedule of calls, logs, evaluations and checkpoints.
      observer: hooks.
      clock: updated in place.

    Returns:
      The last state, and True if the run is complete.

    Raises:
      DivergedError: if a fetched value is not finite; nothing is saved from then on.
    """
    calls = {
        1: executor.train(step_fn, several=False),
        plan.steps_per_call: executor.train(step_fn, several=plan.steps_per_call > 1),
    }
    called: set[int] = set()
    step = int(state.step)
    settling = _Settling(observer, clock, plan)
    interval, unsettled = _Interval(), None

    while step < plan.total_steps:
        size = plan.call_size(step)
        batch = batch_at(step) if size == 1 else _stack([batch_at(step + i) for i in range(size)])
        state, metrics = calls[size](state, key, split, batch)
        interval.metrics.append(metrics)
        interval.compiled |= size not in called
        called.add(size)
        before, step = step, step + size
        interval.last = step
        if unsettled is not None:
            settling.settle(unsettled)
            unsettled = None
        observer.stepped(step)

        stop = observer.stop_requested()
        if plan.should_save(before, step) or stop:
            # Settled before saving: a non-finite loss raises here, and the state is not kept.
            settling.settle(interval)
            if plan.should_evaluate(step):
                observer.evaluate(step, state)
                settling.skip()
                stop = stop or observer.stop_requested()
            observer.save(step, state)
            settling.skip()
            interval = _Interval()
        elif plan.should_log(before, step):
            unsettled, interval = interval, _Interval()
        if stop:
            break
    return state, step >= plan.total_steps


def _stack(batches: list[Batch]) -> Batch:
    stacked: Batch = jax.tree.map(lambda *leaves: np.stack(leaves), *batches)
    return stacked


def _fetch(pending: list[dict[str, Any]], *, last: int) -> dict[str, np.ndarray]:
    """Waits for the devices once; returns each metric of each step, float64 ``[steps]``.

    Raises:
      DivergedError: names the first step with a non-finite value.
    """
    fetched = jax.device_get(pending)
    columns = {
        name: np.concatenate([np.atleast_1d(call[name]) for call in fetched]).astype(np.float64)
        for name in fetched[0]
    }
    first = last - len(columns["count"]) + 1
    for position in range(len(columns["count"])):
        for name, column in columns.items():
            if not math.isfinite(column[position]):
                raise DivergedError(
                    f"{name} is {column[position]} at step {first + position}: training diverged; "
                    "the last good checkpoint is kept; try a lower --learning_rate or "
                    "--max_grad_norm"
                )
    return columns


def _means(columns: dict[str, np.ndarray]) -> dict[str, float]:
    """Returns the mean loss, and the last value of all other metrics."""
    values = {"loss": float(np.divide(columns["loss_sum"].sum(), columns["count"].sum()))}
    return values | {
        name: float(column[-1])
        for name, column in columns.items()
        if name not in ("loss_sum", "count")
    }
