"""``--mode=probe``: regression, scores, fine-tuning that resumes, and the whole on few letters."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import Command
from helpers import Recorder, digest, small, workload
from PIL import Image

from aedenoise.config import ModelConfig
from aedenoise.config.options import ProbeOptions, RunOptions
from aedenoise.data.batch import evenly_spaced
from aedenoise.errors import CheckpointError, DataError, UsageError
from aedenoise.metrics.classification import confusion, score
from aedenoise.metrics.statistics import wilson_interval
from aedenoise.models import build_autoencoder
from aedenoise.runs.train import train
from aedenoise.runtime.preemption import StopSignals
from aedenoise.studies.probing.codes import encode_images, flatten_pixels, make_encode
from aedenoise.studies.probing.regression import PENALTIES, fit, fit_chosen
from aedenoise.studies.probing.tuning import (
    first_state,
    make_confusion_step,
    make_tuning,
    tune_step,
)
from aedenoise.training import loop
from aedenoise.training.task import create_state, run_keys

MLP = ModelConfig(network="mlp", hidden=(16,), code_size=12)


def test_scores_by_hand() -> None:
    table = confusion(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1]), 3)
    np.testing.assert_array_equal(table, [[1, 1, 0], [0, 1, 0], [0, 1, 0]])
    found = score(table)
    assert (found["accuracy"], found["errors"], found["images"]) == (0.5, 2, 4)


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    # Of ten: (p + z2/20 -+ z sqrt(p q/10 + z2/400)) / (1 + z2/10) with z2 = 3.8415.
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (9860, 10_000, 0.98351, 0.98812)],
)
def test_wilson_by_hand(right: int, count: int, low: float, high: float) -> None:
    assert wilson_interval(right, count) == pytest.approx((low, high), abs=1e-4)


def test_regression_finds_the_least() -> None:
    """Checks that the gradient at the minimum is zero, and that a second start leads there."""
    rng = np.random.default_rng(0)
    rows = (3.0 * rng.normal(size=(300, 4)) + 5.0).astype(np.float32)
    labels = np.argmax(rows @ rng.normal(size=(4, 3)) + rng.normal(size=(300, 3)), axis=1)
    found = fit(rows, labels, 3, penalty=2.0)
    scale = np.sqrt(rows.var(axis=0).mean())
    x = (rows - rows.mean(axis=0)) / scale
    logits = rows @ found.weights + found.bias
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    slope = x.T @ (p - np.eye(3)[labels]) + 2.0 * found.weights * scale
    assert np.abs(slope).max() < 0.3
    again = fit(rows, labels, 3, penalty=2.0, start=fit(rows, labels, 3, penalty=50.0))
    np.testing.assert_allclose(again.weights, found.weights, atol=1e-2)


def test_the_penalty_is_chosen_without_the_test_set() -> None:
    """Fits 200 features of which one is informative: without a penalty the fit overfits."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(3000, 200)).astype(np.float32)
    labels = (rows[:, 0] + 2.0 * rng.normal(size=3000) > 0).astype(np.int64)
    found = fit_chosen(rows[:500], labels[:500], 2)
    again = fit(rows[:500], labels[:500], 2, found.penalty)
    np.testing.assert_array_equal(found.weights, again.weights)
    free = fit(rows[:500], labels[:500], 2, PENALTIES[0])
    right = [np.mean(each.classes(rows[500:]) == labels[500:]) for each in (found, free)]
    assert right[0] >= right[1]


@pytest.mark.parametrize(
    "model",
    [MLP, ModelConfig(encoder_features=(4, 4), decoder_features=(4, 4))],
    ids=["mlp", "conv"],
)
def test_codes_are_those_of_clean_images(data_dir: str, model: ModelConfig) -> None:
    b = workload(small(model=model), data_dir)
    params = create_state(b.task, run_keys(0)[0], b.image_shape).params
    images = b.dataset.test.images
    rows = evenly_spaced(len(images), 5)
    found = encode_images(make_encode(b.task.model), params, images, rows)
    clean = flatten_pixels(images, rows).reshape(5, 28, 28, 1)
    code = b.task.model.apply({"params": params}, jnp.asarray(clean), method="encode")
    np.testing.assert_allclose(found, np.asarray(code).reshape(5, -1), atol=1e-5)


def test_codes_of_networks_that_remember_or_are_told() -> None:
    for options in (
        {"decoder": "max_unpool", "encoder_features": (4, 4), "decoder_features": (4, 4)},
        {"condition": "noise_level", "encoder_features": (4, 4), "decoder_features": (4, 4)},
    ):
        model = build_autoencoder(ModelConfig(**options))
        image = jnp.zeros((2, 8, 8, 1))
        params = model.init(jax.random.key(0), image, jnp.zeros(2))["params"]
        assert make_encode(model)(params, image).shape == (2, 16)


def tune(data_dir: str, parallel: str, *, stop_at: int | None = None, state=None):
    experiment = small(model=MLP)
    b = workload(experiment, data_dir, parallel)
    encode = make_encode(b.task.model)
    params = create_state(b.task, run_keys(0)[0], b.image_shape).params
    train_split = b.dataset.train
    codes = encode_images(encode, params, train_split.images, np.arange(200))
    head = fit(codes, train_split.labels, 10, penalty=1.0)
    tuning = make_tuning(encode, train_split.labels, ProbeOptions(rate=1e-2), b.total_steps)
    recorder = Recorder(stop_at)
    state, complete = loop.train(
        b.executor.replicate(state or first_state(tuning, params, head)),
        step_fn=partial(tune_step, tuning),
        executor=b.executor,
        key=b.executor.replicate(run_keys(0)[1]),
        split=b.split,
        batch_at=b.batches,
        plan=loop.Plan(b.batches.steps_per_epoch, 2, 1, 1, 5, 2),
        observer=recorder,
        clock=loop.Clock(),
    )
    assert complete == (stop_at is None)
    return state, recorder, b, encode


@pytest.mark.slow
def test_fine_tuning_is_alike_under_jit_and_pmap_and_resumes(data_dir: str) -> None:
    state, by_jit, b, encode = tune(data_dir, "jit")
    _, by_pmap, _, _ = tune(data_dir, "pmap")
    np.testing.assert_allclose(by_pmap.losses, by_jit.losses, rtol=0, atol=1e-5)
    _, first, _, _ = tune(data_dir, "jit", stop_at=9)
    again, _, _, _ = tune(data_dir, "jit", state=first.states[9])
    assert digest(again) == digest(state)
    losses = [loss for _, loss in by_jit.losses]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    test = b.dataset.test
    step = make_confusion_step(encode, test.labels, 10)
    batch = b.batches(0)._replace(
        image=test.images[np.arange(32) % 40],
        index=np.arange(32, dtype=np.int32),
        mask=np.arange(32) < 20,
    )
    table = np.asarray(step(state.params, None, batch))
    codes = np.asarray(encode(state.params["network"], jnp.asarray(batch.image / np.float32(255))))
    head = state.params["head"]
    guess = np.argmax(codes @ np.asarray(head["kernel"]) + np.asarray(head["bias"]), axis=1)
    np.testing.assert_array_equal(table, confusion(test.labels[:20], guess[:20], 10))


@pytest.mark.slow
def test_probe_end_to_end(data_dir: str, tmp_path: Path) -> None:
    from aedenoise.studies.probing.probe import probe  # here, for it needs scikit-learn

    experiment = small(model=MLP, data__train_examples=600, data__test_examples=100)
    options = RunOptions(workdir=tmp_path / "run", data_dir=data_dir, baselines=False)
    choice = ProbeOptions(epochs=2)
    with pytest.raises(CheckpointError, match="does not exist"):
        probe(experiment, options, choice, StopSignals())
    train(experiment, options)
    signals = StopSignals()
    found = probe(experiment, options, choice, signals)
    assert found is not None
    assert json.loads((options.workdir / "probe.json").read_text()) == found
    assert found["code_size"] == 12
    for name in ("pixels", "code", "tuned"):
        assert found[name]["images"] == np.sum(found[name]["confusion"]) == 100
        assert found[name]["low"] < found[name]["accuracy"] < found[name]["high"]
    assert found["pixels"]["accuracy"] > 0.6
    for figure in ("code.png", "confusion.png"):
        assert (options.workdir / "figures" / figure).stat().st_size > 5000
    page = (options.workdir / "report.html").read_text()
    assert "Classification from a code of 12 values" in page
    stamp = (options.workdir / "probe.json").stat().st_mtime_ns
    assert probe(experiment, options, choice, signals) == found
    assert (options.workdir / "probe.json").stat().st_mtime_ns == stamp
    # Other settings are another probe, which does not take up the first one's checkpoints.
    other = probe(experiment, options, dataclasses.replace(choice, epochs=0), signals)
    assert other is not None
    assert "tuned" not in other
    assert other["code"]["errors"] == found["code"]["errors"]


@pytest.mark.slow
def test_data_without_labels_are_refused(data_dir: str, tmp_path: Path) -> None:
    from aedenoise.studies.probing.probe import probe

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(40):
        pixels = np.random.default_rng(number).integers(0, 255, (16, 16), np.uint8)
        Image.fromarray(pixels).save(pictures / f"{number}.png")
    experiment = small(model=MLP, data__dataset=f"folder:{pictures}", data__image_size=16, epochs=1)
    options = RunOptions(workdir=tmp_path / "run", data_dir=data_dir, baselines=False)
    train(experiment, options)
    with pytest.raises(DataError, match="cannot be probed"):
        probe(experiment, options, ProbeOptions(), StopSignals())
    letters = small(model=MLP).data
    with pytest.raises(UsageError, match="trained on other images"):
        probe(experiment, options, ProbeOptions(), StopSignals(), data=letters)


@pytest.mark.parametrize(
    "wrong", [{"epochs": -1}, {"rate": 0.0}, {"masking": 1.0}, {"dropout": -0.1}], ids=str
)
def test_wrong_options(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="tune_"):
        ProbeOptions(**wrong)


def test_a_workdir_without_a_run_is_refused(command: Command, tmp_path: Path) -> None:
    done = command("--mode=probe", f"--workdir={tmp_path / 'missing'}", timeout=60)
    assert done.returncode == 3
    assert len(done.stderr.strip().splitlines()) == 1
