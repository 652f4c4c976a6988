"""The step, the executors and the loop, on four CPU devices and real letters."""

from __future__ import annotations

from dataclasses import replace as replace_field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import digest, letters, run, small, workload
from hypothesis import given, settings
from hypothesis import strategies as st

from aedenoise.config import OptimizerConfig, replace
from aedenoise.data.batch import Batch
from aedenoise.errors import DivergedError, UsageError
from aedenoise.losses.reconstruction import bce, bce_floor
from aedenoise.ops.images import scale
from aedenoise.training.loop import Plan
from aedenoise.training.optimizer import make_optimizer, make_schedule
from aedenoise.training.sharding import make_executor
from aedenoise.training.step import train_step
from aedenoise.training.task import create_state, make_task, run_keys

PARALLEL = ("jit", "pmap")


@pytest.mark.parametrize("decoder", ["upsample", "transpose", "max_unpool"])
@pytest.mark.fast_cases("upsample")
def test_pmap_and_jit_agree_over_fifty_steps(data_dir: str, decoder: str) -> None:
    experiment = small(model__decoder=decoder, epochs=8)
    by_jit = run(data_dir, experiment)[2].losses[:50]
    by_pmap = run(data_dir, experiment, parallel="pmap")[2].losses[:50]
    assert len(by_jit) == len(by_pmap) == 50
    np.testing.assert_allclose(by_pmap, by_jit, rtol=0, atol=1e-6)


@pytest.mark.parametrize("parallel", PARALLEL)
@pytest.mark.fast_cases("jit")
def test_several_steps_per_call_change_nothing(data_dir: str, parallel: str) -> None:
    one = run(data_dir, small(), parallel=parallel)
    three = run(data_dir, small(), parallel=parallel, steps_per_call=3)
    # Seven steps an epoch are two calls of three and one of one.
    assert [step for step, _ in three[2].losses] == [3, 6, 7, 10, 13, 14]
    np.testing.assert_allclose(three[2].losses[-1], one[2].losses[-1], atol=1e-5)
    for a, b in zip(jax.tree.leaves(one[0]), jax.tree.leaves(three[0]), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("parallel", PARALLEL)
@pytest.mark.parametrize("stop_at", [3, 9])
def test_stop_and_resume_equal_an_unbroken_run_bit_for_bit(
    data_dir: str, parallel: str, stop_at: int
) -> None:
    whole, complete, unbroken = run(data_dir, small(), parallel=parallel)
    assert complete
    assert unbroken.evaluated == [7, 14]
    _, complete, first = run(data_dir, small(), parallel=parallel, stop_at=stop_at)
    assert not complete
    assert max(first.saved) == stop_at
    again, complete, _ = run(data_dir, small(), parallel=parallel, state=first.states[stop_at])
    assert complete
    assert digest(again) == digest(whole)


def test_the_state_is_donated_and_stays_replicated(data_dir: str) -> None:
    b = workload(small(), data_dir)
    init_key, noise_key = run_keys(0)
    for parallel in PARALLEL:
        executor = make_executor(parallel)
        state = executor.replicate(create_state(b.task, init_key, b.image_shape))
        step = executor.train(b.step_fn, several=False)
        split = executor.place(b.dataset.train.images)
        following, _ = step(state, executor.replicate(noise_key), split, b.batches(0))
        assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.params))
        assert all(leaf.is_fully_replicated for leaf in jax.tree.leaves(following))


@pytest.mark.parametrize("parallel", PARALLEL)
def test_one_program_serves_every_batch(data_dir: str, parallel: str) -> None:
    b = workload(small(), data_dir, parallel)
    traces = []

    def counted(logits, target):
        traces.append(logits.shape)
        return bce(logits, target)

    task = replace_field(b.task, loss=counted)

    def step_fn(state, key, batch, axis_name=None):
        return train_step(task, state, key, batch, axis_name=axis_name)

    init_key, noise_key = run_keys(0)
    state = b.executor.replicate(create_state(task, init_key, b.image_shape))
    step = b.executor.train(step_fn, several=False)
    key = b.executor.replicate(noise_key)
    state, _ = step(state, key, b.split, b.batches(0))
    first = len(traces)
    for i in range(1, 2 * b.batches.steps_per_epoch):  # two partial batches among them
        state, _ = step(state, key, b.split, b.batches(i))
    assert len(traces) == first


def test_padding_does_not_count(data_dir: str) -> None:
    experiment = small(data__train_examples=33)  # the second batch has one real example
    b = workload(experiment, data_dir)
    init_key, noise_key = run_keys(0)
    state = create_state(b.task, init_key, b.image_shape)
    batch = b.batches(1)
    batch = batch._replace(image=b.dataset.train.images[batch.index])
    assert batch.mask.sum() == 1
    step = jax.jit(partial(train_step, b.task))
    padded, metrics = step(state, noise_key, batch)
    alone = Batch(batch.image[:1], batch.index[:1], batch.mask[:1])
    exact, exact_metrics = step(state, noise_key, alone)
    assert float(metrics["count"]) == 1.0
    np.testing.assert_allclose(metrics["loss_sum"], exact_metrics["loss_sum"], rtol=1e-6)
    for a, e in zip(
        jax.tree.leaves(padded.opt_state), jax.tree.leaves(exact.opt_state), strict=True
    ):
        np.testing.assert_allclose(a, e, atol=1e-6)


@pytest.mark.parametrize("parallel", PARALLEL)
@pytest.mark.parametrize("steps_per_call", [1, 3])
@pytest.mark.fast_cases("1-jit")
def test_a_split_too_large_for_the_devices_gives_the_same(
    data_dir: str, parallel: str, steps_per_call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"parallel": parallel, "steps_per_call": steps_per_call}
    resident = run(data_dir, small(), **options)[0]
    monkeypatch.setattr("aedenoise.training.sharding._fits", lambda images, device: False)
    streamed = run(data_dir, small(), **options, shared=False)[0]
    assert digest(streamed) == digest(resident)


@pytest.mark.parametrize("decoder", ["upsample", "transpose", "subpixel", "max_unpool"])
@pytest.mark.fast_cases("upsample", "transpose")
def test_a_batch_of_real_letters_can_be_learnt(decoder: str) -> None:
    experiment = small(
        model__decoder=decoder,
        model__encoder_features=(16, 16),
        model__decoder_features=(16, 16),
        noise__level=0.0,
        optimizer__learning_rate=1e-2,
        optimizer__warmup=0.0,
        optimizer__schedule="constant",
    )
    task = make_task(experiment, channels=1, total_steps=80)
    images = letters(8)
    batch = Batch(images, np.arange(8, dtype=np.int32), np.ones(8, bool))
    state = create_state(task, jax.random.key(0), (28, 28, 1))
    step = jax.jit(lambda state, key: train_step(task, state, key, batch))
    floor = float(jnp.mean(bce_floor(scale(images))))
    losses = []
    for _ in range(80):
        state, metrics = step(state, jax.random.key(1))
        losses.append(float(metrics["loss_sum"]) / 8 - floor)
    assert losses[0] > 0.4
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("parallel", PARALLEL)
def test_divergence_names_step_and_value_and_saves_nothing_after_it(
    data_dir: str, parallel: str
) -> None:
    experiment = small(optimizer__learning_rate=1e12, optimizer__schedule="constant")
    with pytest.raises(DivergedError, match=r"is (nan|inf).* at step \d+"):
        run(data_dir, experiment, parallel=parallel)


def test_a_batch_that_devices_cannot_share_is_refused() -> None:
    with pytest.raises(UsageError, match="30 is not divisible by the 4 devices; use 32"):
        make_executor("jit", 30)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 4), st.integers(1, 9), st.integers(1, 12), st.integers(0, 99)
)
def test_a_resumed_plan_makes_the_same_calls(
    steps_per_epoch: int, epochs: int, steps_per_call: int, every: int, pick: int
) -> None:
    plan = Plan(steps_per_epoch, epochs, steps_per_call, every, every, 2)

    def calls(step: int) -> list[tuple[int, int, bool, bool, bool]]:
        made = []
        while step < plan.total_steps:
            after = step + plan.call_size(step)
            made.append(
                (
                    step,
                    after,
                    plan.should_log(step, after),
                    plan.should_save(step, after),
                    plan.should_evaluate(after),
                )
            )
            step = after
        return made

    whole = calls(0)
    assert whole[-1][1:] == (plan.total_steps, True, True, True)
    assert sum(after - before for before, after, *_ in whole) == plan.total_steps
    ends = [i * steps_per_epoch for i in range(1, epochs + 1)]
    assert set(ends) <= {after for _, after, *_ in whole}
    resumed_at = pick % len(whole)
    assert calls(whole[resumed_at][0]) == whole[resumed_at:]


def test_schedule_warms_up_and_falls() -> None:
    config = OptimizerConfig(learning_rate=1.0, warmup=0.1)
    rates = [float(make_schedule(config, 100)(step)) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 11)
    assert rates[10] == pytest.approx(1.0)
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0.0 < rates[-1] < 1e-3
    constant = OptimizerConfig(learning_rate=0.5, warmup=0.0, schedule="constant")
    assert {float(make_schedule(constant, 7)(step)) for step in range(7)} == {0.5}
    assert float(make_schedule(config, 1)(0)) == pytest.approx(1.0)
    drop = make_schedule(OptimizerConfig(learning_rate=0.5, warmup=0.0, schedule="drop"), 150)
    assert [float(drop(step)) for step in (0, 99, 100, 149)] == pytest.approx(
        [0.5, 0.5, 0.05, 0.05]
    )


def test_muon_orthogonalizes_wide_kernels_and_leaves_the_rest_to_adam() -> None:
    config = OptimizerConfig(name="muon", warmup=0.0)
    optimizer = make_optimizer(config, lambda step: 1.0)
    random = np.random.default_rng(0)
    wide, narrow, bias = (3, 3, 8, 8), (3, 3, 1, 8), (8,)
    params = {str(shape): jnp.zeros(shape) for shape in (wide, narrow, bias)}
    gradient = jax.tree.map(lambda p: jnp.asarray(random.normal(size=p.shape), p.dtype), params)
    update, _ = optimizer.update(gradient, optimizer.init(params), params)
    singular = np.linalg.svd(update[str(wide)].reshape(72, 8), compute_uv=False)
    # Five steps of Newton and Schulz reach one only roughly, by design.
    assert singular.max() < 2.0 * singular.min()
    for shape in (narrow, bias):
        step = update[str(shape)]
        np.testing.assert_array_equal(np.sign(step), -np.sign(gradient[str(shape)]))
    size = [float(jnp.sqrt(jnp.mean(jnp.square(update[str(shape)])))) for shape in (wide, bias)]
    assert 0.1 < size[0] / size[1] < 1.0


@pytest.mark.parametrize("stop_at", [3])
def test_a_run_with_muon_goes_on_bit_for_bit(data_dir: str, stop_at: int) -> None:
    experiment = replace(small(), {"optimizer.name": "muon"})
    whole, *_ = run(data_dir, experiment)
    _, _, first = run(data_dir, experiment, stop_at=stop_at)
    again, complete, _ = run(data_dir, experiment, state=first.states[stop_at])
    assert complete
    assert digest(again) == digest(whole)
