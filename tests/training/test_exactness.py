"""Results are independent of stops, resumes and devices, bit for bit where guaranteed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from conftest import ROOT, command_environment
from helpers import digest, letters, run, small, workload
from hypothesis import given, settings
from hypothesis import strategies as st

from aedenoise.data.batches import TrainBatches
from aedenoise.training.checkpoints import Checkpoints
from aedenoise.training.sharding import make_executor
from aedenoise.training.step import train_step
from aedenoise.training.task import abstract_state, create_state, make_task, run_keys

CURVES = ROOT / "tests" / "curves.json"
Reached = Callable[[str], None]


@pytest.mark.scorecard(1)
@pytest.mark.parametrize("parallel", ["jit", "pmap"])
@pytest.mark.fast_cases("jit")
def test_a_stop_at_any_step_changes_no_bit(data_dir: str, parallel: str, reached: Reached) -> None:
    whole, _, _ = run(data_dir, small(), parallel=parallel)
    stops = sorted(random.Random(parallel).sample(range(1, 14), 5))
    for stop_at in stops:
        _, _, first = run(data_dir, small(), parallel=parallel, stop_at=stop_at)
        again, _, _ = run(data_dir, small(), parallel=parallel, state=first.states[stop_at])
        assert digest(again) == digest(whole), stop_at
    reached(f"{parallel}: stops after {', '.join(map(str, stops))} of 14 steps, 5/5")


@pytest.mark.scorecard(3)
@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 60),
    st.integers(1, 20),
    st.integers(1, 3),
    st.integers(0, 10**6),
    st.sampled_from([1, 2, 4]),
)
def test_order_over_stops_and_processes(
    examples: int, batch_size: int, epochs: int, pick: int, processes: int
) -> None:
    batch_size *= processes
    images = np.arange(examples, dtype=np.uint8).reshape(-1, 1, 1, 1)

    def of(rows: np.ndarray | None = None) -> TrainBatches:
        return TrainBatches(images, batch_size=batch_size, seed=5, rows=rows)

    steps = of().steps_per_epoch * epochs
    stop = pick % steps
    resumed = [of()(step) for step in range(stop)] + [of()(step) for step in range(stop, steps)]
    for epoch in range(epochs):
        part = resumed[epoch * of().steps_per_epoch : (epoch + 1) * of().steps_per_epoch]
        seen = np.concatenate([batch.image[batch.mask].ravel() for batch in part])
        assert sorted(seen) == list(range(examples))
    # The rows that the processes read form the batch together; none is read twice.
    share = batch_size // processes
    for step, whole in enumerate(resumed):
        joined = np.zeros_like(whole.image)
        for process in range(processes):
            rows = np.zeros(batch_size, bool)
            rows[process * share : (process + 1) * share] = True
            batch = of(rows)(step)
            np.testing.assert_array_equal(batch.index, whole.index)
            joined += batch.image
        np.testing.assert_array_equal(joined, whole.image)


@pytest.mark.scorecard(8)
@pytest.mark.slow
def test_a_save_is_the_state_of_its_step_though_the_next_step_takes_its_buffers(
    data_dir: str, tmp_path: Path, soak: bool, reached: Reached
) -> None:
    saves = 100 if soak else 10
    b = workload(small(), data_dir)
    init_key, noise_key = run_keys(0)
    state = b.executor.replicate(create_state(b.task, init_key, b.image_shape))
    step = b.executor.train(b.step_fn, several=False)
    key = b.executor.replicate(noise_key)
    with Checkpoints(tmp_path) as checkpoints:
        for number in range(1, saves + 1):
            state, _ = step(state, key, b.split, b.batches(number))
            snapshot = digest(state)
            checkpoints.save(number, state, {})
            state, _ = step(state, key, b.split, b.batches(number))
            assert digest(checkpoints.restore(b.state_like(), number).state) == snapshot
    reached(f"{saves}/{saves} (saves are synchronous)")


@pytest.fixture(scope="module")
def eight(
    request: pytest.FixtureRequest, data_dir: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict]:
    """Runs steps on 1, 2, 4 and 8 devices, by jit and pmap, in one process."""
    steps = 200 if request.config.getoption("--soak") else 50
    out = tmp_path_factory.mktemp("eight") / "curves.json"
    subprocess.run(
        [sys.executable, ROOT / "tests" / "devices_worker.py", out, str(steps)],
        cwd=ROOT,
        env=command_environment(data_dir, devices=8),
        check=True,
        timeout=400,
    )
    return json.loads(out.read_text())


@pytest.mark.scorecard(9)
@pytest.mark.parametrize("devices", [2, 4, 8])
@pytest.mark.parametrize("parallel", ["jit", "pmap"])
@pytest.mark.parametrize("lowering", ["auto", "plain"])
@pytest.mark.slow
def test_any_number_of_devices(
    eight: dict[str, dict], lowering: str, parallel: str, devices: int, reached: Reached
) -> None:
    one, many = eight[f"{lowering} jit 1"], eight[f"{lowering} {parallel} {devices}"]
    assert many["noise"] == one["noise"]
    loss = np.abs(np.subtract(many["losses"], one["losses"])).max()
    params = np.abs(np.subtract(many["params"], one["params"])).max()
    reached(
        f"{lowering} {parallel} {devices}, {len(one['losses'])} steps: {loss:.0e}, {params:.0e}"
    )
    assert loss <= 1e-6
    assert params <= 1e-4


@pytest.mark.scorecard(9)
@pytest.mark.slow
def test_steps_agree_and_runs_drift_by_little(data_dir: str, soak: bool, reached: Reached) -> None:
    seeds = 20 if soak else 3
    images = letters(1000)
    # One task for all seeds: the seed is in keys and order alone.
    task = make_task(
        small(model__encoder_features=(8, 8), model__decoder_features=(8, 8)),
        channels=1,
        total_steps=64,
        lowering="plain",
    )
    one, four = (make_executor("jit", 64, devices=jax.devices()[:count]) for count in (1, 4))
    step_on_one, step_on_four = (
        executor.train(partial(train_step, task), several=False) for executor in (one, four)
    )
    apart, drifted = 0.0, 0.0
    for seed in range(seeds):
        batches = TrainBatches(images, batch_size=64, seed=seed)
        init_key, noise_key = run_keys(seed)
        state = jax.device_get(create_state(task, init_key, (28, 28, 1)))
        state, drifting = one.replicate(state), four.replicate(state)
        for number in range(64):
            same = four.replicate(jax.device_get(state))
            _, on_four = step_on_four(same, four.replicate(noise_key), None, batches(number))
            drifting, drift = step_on_four(
                drifting, four.replicate(noise_key), None, batches(number)
            )
            state, on_one = step_on_one(state, one.replicate(noise_key), None, batches(number))
            expected, found, late = (
                float(metrics["loss_sum"]) / float(metrics["count"])
                for metrics in (on_one, on_four, drift)
            )
            apart = max(apart, abs(found - expected))
            drifted = max(drifted, abs(late - expected))
    reached(f"{seeds} seeds on 4 devices: {apart:.0e} a step, {drifted:.0e} a run")
    assert apart <= 1e-6
    assert drifted <= 1e-3


@pytest.mark.scorecard(10)
@pytest.mark.slow
def test_jit_equals_pmap(eight: dict[str, dict], reached: Reached) -> None:
    by_jit, by_pmap = eight["auto jit 4"], eight["auto pmap 4"]
    assert by_jit["noise"] == by_pmap["noise"]
    loss = np.abs(np.subtract(by_jit["losses"], by_pmap["losses"])).max()
    reached(f"loss {loss:.0e}")
    assert loss <= 1e-6


@pytest.mark.scorecard(12)
def test_a_checkpoint_fits_any_number_of_devices(
    data_dir: str, tmp_path: Path, reached: Reached
) -> None:
    b = workload(small(), data_dir)
    state, _, _ = run(data_dir, small(), stop_at=3)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(3, state, {})
        for count in (1, 2, 4):
            for parallel in ("jit", "pmap"):
                executor = make_executor(parallel, devices=jax.devices()[:count])
                like = executor.abstract(abstract_state(b.task, b.image_shape))
                found = checkpoints.restore(like).state
                assert digest(found) == digest(state)
                assert all(len(leaf.devices()) == count for leaf in jax.tree.leaves(found))
    reached("4 devices to 1, 2, 4 under jit and pmap: 6/6")


@pytest.mark.scorecard(14)
@pytest.mark.parametrize("decoder", ["upsample", "bilinear", "transpose", "subpixel", "max_unpool"])
@pytest.mark.fast_cases("upsample", "transpose")
def test_curves_are_those_on_file(data_dir: str, decoder: str, reached: Reached) -> None:
    stored = json.loads(CURVES.read_text())[decoder]
    adam = {"optimizer__name": "adam", "optimizer__learning_rate": 8e-3}
    experiment = small(model__decoder=decoder, epochs=8, **adam)
    found = [loss for _, loss in run(data_dir, experiment)[2].losses]
    worst = np.abs(np.divide(found[:50], stored) - 1.0).max()
    reached(f"{decoder} {worst:.0e}")
    assert worst <= 1e-4
