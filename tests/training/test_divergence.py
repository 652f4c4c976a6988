"""Non-finite values stop a run before they are saved; loss spikes are reported."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from helpers import Recorder, digest, run, small, workload

from aedenoise.errors import DivergedError
from aedenoise.training import loop
from aedenoise.training.checkpoints import Checkpoints
from aedenoise.training.loop import Clock, Plan
from aedenoise.training.loss_spikes import Spike, SpikeDetector
from aedenoise.training.task import create_state, run_keys

Reached = Callable[[str], None]


def poisoned(step_fn, at: int, what: str):
    """Wraps ``step_fn``: step ``at`` (from 1) gets a loss, gradient or update out of bounds."""

    def step(state, key, batch, *, axis_name=None):
        now = state.step + 1 == at
        following, metrics = step_fn(state, key, batch, axis_name=axis_name)
        if what == "spike":
            return following, metrics | {"loss_sum": metrics["loss_sum"] * jnp.where(now, 10.0, 1)}
        bad = jnp.where(now, jnp.inf if what == "gradient" else jnp.nan, 0.0)
        if what == "loss":
            return following, metrics | {"loss_sum": metrics["loss_sum"] + bad}
        if what == "gradient":
            return following, metrics | {"gradient_norm": metrics["gradient_norm"] + bad}
        # Only the state is bad: the norms of this step were taken before.
        moments = jax.tree.map(
            lambda x: x + bad if jnp.issubdtype(x.dtype, jnp.floating) else x, following.opt_state
        )
        return following.replace(opt_state=moments), metrics

    return step


def train_poisoned(data_dir: str, folder: Path, at: int, what: str, log_every: int = 4) -> Recorder:
    b = workload(small(), data_dir)
    init_key, noise_key = run_keys(0)
    with Checkpoints(folder) as checkpoints:

        class Saving(Recorder):
            def save(self, step: int, state: object) -> None:
                checkpoints.save(step, state, {})
                super().save(step, state)

        recorder = Saving()
        loop.train(
            b.executor.replicate(create_state(b.task, init_key, b.image_shape)),
            step_fn=poisoned(b.step_fn, at, what),
            executor=b.executor,
            key=b.executor.replicate(noise_key),
            split=b.split,
            batch_at=b.batches,
            plan=Plan(b.batches.steps_per_epoch, 2, 1, log_every, 3, 1),
            observer=recorder,
            clock=Clock(),
        )
    return recorder


CASES = [(what, at) for what in ("loss", "gradient", "state") for at in (2, 8, 13)]


@pytest.mark.scorecard(15)
@pytest.mark.parametrize(("what", "at"), CASES)
@pytest.mark.fast_cases("gradient-8")
def test_a_bad_value_stops_the_run_and_the_last_good_checkpoint_resumes(
    data_dir: str, tmp_path: Path, what: str, at: int
) -> None:
    named = {"loss": "loss_sum is nan", "gradient": "gradient_norm is inf", "state": "finite|nan"}
    with pytest.raises(DivergedError, match=named[what]) as stopped:
        train_poisoned(data_dir, tmp_path, at, what)
    step = int(str(stopped.value).split(" at step ")[1].split(":")[0])
    assert at <= step <= at + 4  # within one interval of logging
    if what != "state":
        assert step == at
    b = workload(small(), data_dir)
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        kept = checkpoints.steps()
        assert all(number < at for number in kept)
        if not kept:
            return
        restored = checkpoints.restore(b.state_like())
    good, _, _ = run(data_dir, small(), stop_at=restored.step)
    assert digest(restored.state) == digest(good)


@pytest.mark.scorecard(15)
@pytest.mark.slow
def test_a_rate_that_is_far_too_high_is_noticed(data_dir: str, tmp_path: Path) -> None:
    experiment = small(optimizer__learning_rate=1e10, optimizer__schedule="constant", epochs=6)
    with pytest.raises(DivergedError, match=r"is (nan|-?inf) at step"):
        run(data_dir, experiment)


@pytest.mark.slow
def test_clipping_bounds_the_gradient_that_adam_sees(data_dir: str) -> None:
    free = run(data_dir, small(epochs=1))[0]
    clipped = run(data_dir, small(epochs=1, optimizer__max_grad_norm=1e-3))[0]
    moments = [x for x in jax.tree.leaves(clipped.opt_state) if x.dtype == jnp.float32]
    norm = jnp.sqrt(sum(jnp.sum(x * x) for x in moments[: len(moments) // 2]))
    assert 0.0 < float(norm) <= 1e-3
    assert digest(free.params) != digest(clipped.params)


@pytest.mark.scorecard(16)
@pytest.mark.parametrize("at", [11, 13])
@pytest.mark.fast_cases("11")
def test_a_spike_is_reported_with_its_step(data_dir: str, tmp_path: Path, at: int) -> None:
    (spike,) = train_poisoned(data_dir, tmp_path, at, "spike").spikes
    assert spike.step == at
    assert spike.loss / spike.median > 5.0
    assert f"loss spike at step {at}" in str(spike)


@pytest.mark.scorecard(16)
@pytest.mark.slow
def test_clean_runs_have_no_spikes(data_dir: str, soak: bool, reached: Reached) -> None:
    runs = 20 if soak else 4
    found = [
        spike
        for seed in range(runs)
        for spike in run(data_dir, small(seed=seed, epochs=8, optimizer__learning_rate=2e-2))[
            2
        ].spikes
    ]
    reached(f"{len(found)}/{runs} false alarms")
    assert found == []


@pytest.mark.scorecard(16)
def test_a_loss_that_stays_high_is_reported_only_at_first() -> None:
    noise = random.Random(0)
    losses = [1.0 + 0.1 * noise.random() for _ in range(60)]
    detector = SpikeDetector()
    assert detector.look(1, losses) is None
    high = [detector.look(61 + i, [5.0]) for i in range(60)]
    assert isinstance(high[0], Spike)
    assert high[0].step == 61
    assert high[-1] is None


@pytest.mark.parametrize("losses", [[1.0] * 9 + [99.0], [0.0] * 20 + [1.0]])
def test_nothing_is_called_a_spike_without_losses_to_compare(losses: list[float]) -> None:
    assert SpikeDetector().look(1, losses) is None
