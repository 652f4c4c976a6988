"""The Python interface: a user's own parts through the functions that the command line calls."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import digest, letters

import aedenoise
from aedenoise.config import Experiment, ModelConfig
from aedenoise.config.options import RunOptions
from aedenoise.data.arrays import make_dataset
from aedenoise.errors import CheckpointError, DataError, UsageError
from aedenoise.runs.train import train as train_run
from aedenoise.runtime.preemption import StopSignals
from aedenoise.training.components import Components

SMALL = Experiment(
    name="own",
    model=ModelConfig(encoder_features=(4, 4), decoder_features=(4, 4)),
    batch_size=32,
    epochs=2,
)


class PatchDecoder(nn.Module):
    @nn.compact
    def __call__(self, code: jax.Array) -> jax.Array:
        return nn.ConvTranspose(1, (6, 6), (4, 4))(code)


class PlainNetwork(nn.Module):
    @nn.compact
    def __call__(self, image: jax.Array) -> jax.Array:
        return nn.Conv(1, (3, 3))(nn.relu(nn.Conv(4, (3, 3))(image)))


def ink_loss(logits: jax.Array, target: jax.Array) -> jax.Array:
    error = optax.sigmoid_binary_cross_entropy(logits, target)
    return ((1.0 + target) * error).mean(axis=(1, 2, 3))


def stripes(key: jax.Array, image: jax.Array) -> jax.Array:
    return image.at[::2].add(0.3 * jax.random.normal(key, image[::2].shape))


def ink_error(image: jax.Array, reference: jax.Array) -> jax.Array:
    return jnp.abs(image.mean(axis=(1, 2, 3)) - reference.mean(axis=(1, 2, 3)))


def data() -> tuple[np.ndarray, np.ndarray]:
    images = letters(160)
    return images[:128], images[128:]


class StopAfter(StopSignals):
    """Callback that sends SIGTERM after a given number of steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._left = steps

    def remember(self) -> None:
        super().remember()
        self._left -= 1
        if self._left == 0:
            self.received = signal.SIGTERM


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    return {
        "data": data(),
        "decoder": PatchDecoder(),
        "loss": ink_loss,
        "corruption": stripes,
        "metrics": {"ink": ink_error},
    }


@pytest.fixture(scope="module")
def run(parts: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> aedenoise.TrainedRun:
    workdir = tmp_path_factory.mktemp("own") / "run"
    return aedenoise.train(SMALL, workdir=workdir, baselines=False, **parts)


def test_own_parts_train_and_are_measured(run: aedenoise.TrainedRun) -> None:
    assert run.complete
    assert run.results is not None
    assert set(run.params) == {"encoder", "decoder"}
    assert set(run.params["decoder"]) == {"ConvTranspose_0"}
    clean = data()[1].astype(np.float32) / np.float32(255.0)
    assert 0.0 < run.results["eval"]["ink"] < 1.0
    # The evaluation's noise is the given one: every second row stays as it was.
    noisy = jax.vmap(stripes)(jax.random.split(jax.random.key(1), len(clean)), jnp.asarray(clean))
    error = float(np.mean(np.square(np.asarray(noisy) - clean)))
    assert run.results["noisy"]["mse"] == pytest.approx(error, rel=0.05)
    assert run.denoise(clean).shape == clean.shape


def test_a_finished_run_is_reported_and_restored(
    run: aedenoise.TrainedRun, parts: dict[str, Any]
) -> None:
    again = aedenoise.train(SMALL, workdir=run.workdir, baselines=False, **parts)
    assert again.results == run.results
    denoise = aedenoise.load(str(run.workdir), decoder=PatchDecoder())
    noisy = data()[1].astype(np.float32) / np.float32(255.0)
    np.testing.assert_array_equal(denoise(noisy), run.denoise(noisy))
    found = aedenoise.evaluate(
        run.workdir,
        data=data(),
        decoder=PatchDecoder(),
        corruption=stripes,
        metrics={"ink": ink_error},
        baselines=False,
    )
    assert run.results is not None
    assert found["eval"] == run.results["eval"]


def test_a_stopped_run_resumes_to_the_same_bits(
    run: aedenoise.TrainedRun, parts: dict[str, Any], tmp_path: Path
) -> None:
    given = {name: part for name, part in parts.items() if name != "data"}
    stopped = train_run(
        run.experiment,
        RunOptions(workdir=tmp_path / "run", baselines=False),
        StopAfter(3),
        components=Components(**given),
        dataset=make_dataset(parts["data"]),
    )
    assert stopped is None
    resumed = aedenoise.train(SMALL, workdir=tmp_path / "run", baselines=False, **parts)
    assert resumed.complete
    assert digest(resumed.params) == digest(run.params)


@pytest.mark.slow
def test_a_model_of_images_alone(tmp_path: Path) -> None:
    images = letters(96)[:, :27, :25]  # sides that no stride divides
    run = aedenoise.train(
        SMALL,
        workdir=tmp_path / "run",
        data=(images[:64], images[64:]),
        model=PlainNetwork(),
        baselines=False,
        epochs=1,
    )
    assert set(run.params) == {"Conv_0", "Conv_1"}
    assert run.denoise(np.zeros((1, 40, 31, 1), np.float32)).shape == (1, 40, 31, 1)


def test_other_parts_are_refused(run: aedenoise.TrainedRun, parts: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="decoder=PatchDecoder, which comes from Python"):
        aedenoise.load(run.workdir)
    with pytest.raises(CheckpointError, match="pass decoder=PatchDecoder"):
        aedenoise.evaluate(run.workdir, data=data())
    with pytest.raises(CheckpointError, match=r"custom parts .*loss=ink_loss"):
        aedenoise.train(SMALL, workdir=run.workdir, **{**parts, "loss": None})
    other = (data()[1], data()[0])
    with pytest.raises(DataError, match="has changed since the run began"):
        aedenoise.train(SMALL, workdir=run.workdir, **{**parts, "data": other})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epoch": 3}, "unknown setting 'epoch'; did you mean 'epochs'"),
        ({"model": PlainNetwork(), "decoder": PatchDecoder()}, "not both"),
        ({"decoder": PatchDecoder}, "must be an instance of flax.linen.Module"),
        ({"metrics": {"psnr": ink_error}}, "built in"),
        ({"loss": ink_loss, "experiment": Experiment(loss="mse")}, "contradicts loss mse"),
        ({"corruption": stripes, "condition": "noise_level"}, "contradicts condition"),
        ({"decoder": PatchDecoder(), "experiment": "gan"}, "a GAN accepts custom data"),
    ],
)
def test_contradictions_are_named(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    experiment = settings.pop("experiment", SMALL)
    with pytest.raises(UsageError, match=message):
        aedenoise.train(experiment, workdir=tmp_path / "run", data=data(), **settings)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"loss": lambda logits, target: ink_loss(logits, target).mean()},
            r"the loss .* \(\), not",
        ),
        ({"metrics": {"ink": lambda a, b: (a - b).mean(axis=(1, 2))}}, "metric ink returns shape"),
        ({"loss": lambda a, b: np.square(np.asarray(a) - b).mean()}, "compute with jax.numpy"),
        ({"metrics": {"ink": lambda a, b: a if a.sum() > 0 else b}}, "metric ink cannot be traced"),
        ({"metrics": [ink_error]}, "must be a dict of functions by name, not list"),
        ({"corruption": lambda _, image: image[:5]}, r"returns shape \(5, 28, 1\) of an image"),
    ],
)
def test_functions_of_another_shape_are_refused(
    parts: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        aedenoise.train(SMALL, workdir=tmp_path / "run", data=data(), baselines=False, **parts)
    # Left there, it would refuse the corrected call with other functions.
    assert not (tmp_path / "run").exists()


def test_an_interrupt_reaches_the_script_after_the_state_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, expected in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, None)):

        def stopped(*arguments: Any, number: signal.Signals = number, **named: Any) -> None:
            arguments[2].received = number

        monkeypatch.setattr("aedenoise.runs.interface.training.train", stopped)
        with pytest.raises(expected) if expected else nullcontext():
            assert not aedenoise.train(SMALL, workdir=tmp_path).complete


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 28)), r"must be \[N, H, W\]"),
        (np.zeros((4, 1, 28, 28), np.uint8), "channels first"),
        (np.full((4, 28, 28), -1.0), r"in \[0, 1\], not -1 to -1"),
        (np.zeros((4, 28, 28), np.int32), "not int32"),
        ((np.zeros((4, 28, 28), np.uint8), np.full(4, -1)), "must start at 0"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(images: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_dataset((images, images))


def test_float_images_are_rounded_to_8_bits() -> None:
    images = letters(8)
    exact = make_dataset((images, images))
    floats = make_dataset((images[..., 0] / 255.0, images.astype(np.float32) / 255.0))
    assert exact.digest == floats.digest


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, aedenoise; print([m for m in ('jax', 'numpy', 'flax') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
