"""What several test modules need: small experiments on real letters, and digests of states."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aedenoise.config import DataConfig, Experiment, ModelConfig, replace
from aedenoise.config.options import RunOptions
from aedenoise.data.builders import read_open_letters
from aedenoise.runs.denoising import make_denoising_workload
from aedenoise.runs.gan import make_gan_workload
from aedenoise.studies.comparison import pairing
from aedenoise.training import loop
from aedenoise.training.checkpoints import Checkpoints
from aedenoise.training.loop import Clock, Plan
from aedenoise.training.loss_spikes import Spike
from aedenoise.training.sharding import make_executor
from aedenoise.training.task import abstract_state, create_state, make_task, run_keys
from aedenoise.training.workdir import Workdir

SMALL = Experiment(
    model=ModelConfig(encoder_features=(4, 4), decoder_features=(4, 4)),
    data=DataConfig(train_examples=200, test_examples=40),
    batch_size=32,
    epochs=2,
)


def small(**overrides: Any) -> Experiment:
    """``SMALL`` with dotted fields replaced; ``__`` stands for the dot."""
    return replace(SMALL, {name.replace("__", "."): value for name, value in overrides.items()})


def workload(experiment: Experiment, data_dir: str, parallel: str = "jit") -> Any:
    """A workload on the devices of the tests."""
    return _shared_workload(experiment, data_dir, parallel)


def fresh_workload(experiment: Experiment, data_dir: str, parallel: str = "jit") -> Any:
    """A workload that no other test has; with what is patched at the time."""
    options = RunOptions(workdir=Path("unused"), data_dir=data_dir, parallel=parallel)
    made = make_gan_workload if experiment.model.network == "gan" else make_denoising_workload
    return made(experiment, options, notify=lambda line: None)


class SharedPrograms:
    """An executor that makes the program of a step once, however often it is asked for."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self.train = functools.cache(executor.train)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executor, name)


@functools.cache
def _shared_workload(experiment: Experiment, data_dir: str, parallel: str) -> Any:
    made = fresh_workload(experiment, data_dir, parallel)
    return dataclasses.replace(made, executor=SharedPrograms(made.executor))


@functools.cache
def _first_state(experiment: Experiment, data_dir: str, parallel: str) -> Any:
    init_key, _ = run_keys(experiment.seed)
    return jax.device_get(_shared_workload(experiment, data_dir, parallel).create_state(init_key))


def forget_workloads() -> None:
    """Frees what tests share: between modules, so that a worker stays small."""
    _shared_workload.cache_clear()
    _first_state.cache_clear()


def letters(count: int) -> np.ndarray:
    """Real letters, uint8 ``[count, 28, 28, 1]``."""
    return read_open_letters("train")[0][:count, ..., None]


def digest(tree: Any) -> str:
    """SHA-256 over every leaf's path, dtype, shape and bytes."""
    total = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.asarray(leaf)
        total.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def saved_state(workdir: Path, data_dir: str) -> Any:
    """The state in a workdir's newest checkpoint."""
    experiment = Workdir(workdir).read_experiment()
    with Checkpoints(workdir / "checkpoints", read_only=True) as checkpoints:
        return checkpoints.restore(workload(experiment, data_dir).state_like()).state


class Recorder:
    """An observer that keeps what it is told, and may ask to stop."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.losses: list[tuple[int, float]] = []
        self.saved: dict[int, str] = {}
        self.evaluated: list[int] = []
        self.spikes: list[Spike] = []
        self.states: dict[int, object] = {}
        self._step, self._stop_at = 0, stop_at

    def stepped(self, step: int) -> None:
        self._step = step

    def logged(self, step: int, values: dict[str, float]) -> None:
        self.losses.append((step, values["loss"]))

    def spiked(self, spike: Spike) -> None:
        self.spikes.append(spike)

    def evaluate(self, step: int, state: object) -> None:
        self.evaluated.append(step)

    def save(self, step: int, state: object) -> None:
        self.saved[step] = digest(state)
        self.states[step] = jax.device_get(state)

    def stop_requested(self) -> bool:
        return self._stop_at is not None and self._step >= self._stop_at


def run(
    data_dir,
    experiment,
    *,
    parallel="jit",
    state=None,
    stop_at=None,
    steps_per_call=1,
    log_every=1,
    save_every=5,
    shared=True,
):
    b = (workload if shared else fresh_workload)(experiment, data_dir, parallel)
    _, noise_key = run_keys(experiment.seed)
    plan = Plan(
        b.batches.steps_per_epoch, experiment.epochs, steps_per_call, log_every, save_every, 1
    )
    recorder = Recorder(stop_at)
    if state is None:
        state = _first_state(experiment, data_dir, parallel)
    state, complete = loop.train(
        b.executor.replicate(state),
        step_fn=b.step_fn,
        executor=b.executor,
        key=b.executor.replicate(noise_key),
        split=b.split,
        batch_at=b.batches,
        plan=plan,
        observer=recorder,
        clock=Clock(),
    )
    return state, complete, recorder


def state_and_like(**overrides):
    task = make_task(small(**overrides), channels=1, total_steps=10)
    executor = make_executor("jit")
    state = executor.replicate(create_state(task, jax.random.key(0), (28, 28, 1)))
    return state, executor.abstract(abstract_state(task, (28, 28, 1)))


def study_rows(values: dict[str, list[float | None]]) -> list[dict[str, Any]]:
    """Makes rows of a study of one condition from PSNR by decoder and seed, None if diverged."""
    return [
        {
            "decoder": decoder,
            "dataset": "mnist",
            "noise_level": 0.4,
            "match": "parameters",
            "steps": 100,
            "seed": seed,
            "features": "32 32",
            "parameters": 28353,
            "multiply_adds": 4076800,
            "diverged_at": 50 if psnr is None else None,
            **dict.fromkeys(pairing.COMPARED, None if psnr is None else 0.0),
            "psnr": psnr,
        }
        for decoder, found in values.items()
        for seed, psnr in enumerate(found)
    ]
