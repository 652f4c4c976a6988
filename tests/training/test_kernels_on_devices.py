"""Training with the CPU kernels on several devices, and of several seeds together."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from helpers import letters, small, workload

from aedenoise.config.options import RunOptions
from aedenoise.data.batch import Batch
from aedenoise.ops import native
from aedenoise.runs.figures import start_line
from aedenoise.studies.comparison.training import SeedTrainer
from aedenoise.training.sharding import make_executor
from aedenoise.training.step import train_step
from aedenoise.training.task import create_state, make_task, run_keys

KERNELS = native.load()
needs_kernels = pytest.mark.skipif(KERNELS.problem is not None, reason=str(KERNELS.problem))
STEPS = 3


def losses(parallel: str, devices: int, decoder: str) -> list[float]:
    task = make_task(small(model__decoder=decoder), channels=1, total_steps=STEPS)
    executor = make_executor(parallel, 32, devices=jax.devices()[:devices])
    init_key, noise_key = run_keys(0)
    state = executor.replicate(create_state(task, init_key, (28, 28, 1)))
    step = executor.train(partial(train_step, task), several=False)
    key = executor.replicate(noise_key)
    images = letters(STEPS * 32).reshape(STEPS, 32, 28, 28, 1)
    found = []
    for number, image in enumerate(images):
        mask = np.arange(32) < 32 - 7 * number  # shards of a partial batch differ in examples
        batch = Batch(image, np.arange(32, dtype=np.int32), mask)
        state, metrics = step(state, key, None, batch)
        found.append(float(metrics["loss_sum"]) / float(metrics["count"]))
    return found


@needs_kernels
@pytest.mark.parametrize("decoder", ["upsample", "transpose"])
@pytest.mark.fast_cases("upsample")
def test_steps_on_four_devices_are_those_on_one(decoder: str) -> None:
    expected = losses("jit", 1, decoder)
    for parallel in ("jit", "pmap"):
        np.testing.assert_allclose(losses(parallel, 4, decoder), expected, rtol=0, atol=1e-6)


@needs_kernels
def test_a_run_on_several_devices_uses_the_kernels(data_dir: str) -> None:
    made = workload(small(), data_dir)
    assert jax.device_count() > 1
    assert made.lowering == "auto"
    assert ", own kernels" in start_line(made, RunOptions(workdir=Path("unused")))


@needs_kernels
def test_seeds_trained_together_are_those_trained_alone(data_dir: str) -> None:
    made = dataclasses.replace(workload(small(), data_dir), total_steps=2)
    split = jax.device_put(np.asarray(made.dataset.train.images[:]), jax.devices()[0])
    trainer = SeedTrainer(made, split)
    together = trainer.train([0, 1, 2], steps_per_call=1)
    assert together is not None
    for seed in (0, 2):
        alone = trainer.train([seed], steps_per_call=1)
        assert alone is not None
        for ours, expected in zip(
            jax.tree.leaves(together.params[seed]), jax.tree.leaves(alone.params[0]), strict=True
        ):
            np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)


def test_a_contractive_penalty_has_the_derivative_that_it_takes() -> None:
    task = make_task(small(code__contractive_weight=0.1), channels=1, total_steps=1)
    init_key, noise_key = run_keys(0)
    batch = Batch(letters(8), np.arange(8, dtype=np.int32), np.ones(8, bool))
    state = create_state(task, init_key, (28, 28, 1))
    _, metrics = jax.jit(partial(train_step, task))(state, noise_key, batch)
    assert np.isfinite(metrics["loss_sum"])
