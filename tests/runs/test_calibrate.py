"""Calibration of runs: the file, its measurement, and what makes it stale."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from conftest import ROOT, Command

import aedenoise
from aedenoise.config import Experiment, ModelConfig, NoiseConfig
from aedenoise.data.splits import calibration_parts
from aedenoise.errors import CheckpointError, DataError, UsageError

LETTER = ROOT / "docs" / "samples" / "letter.png"
SMALL = Experiment(
    name="blocks",
    model=ModelConfig(encoder_features=(4, 4), decoder_features=(4, 4)),
    noise=NoiseConfig(level=0.1, level_max=0.5),
    batch_size=64,
    epochs=1,
)


def blocks(count: int, seed: int = 0, channels: int = 1) -> np.ndarray:
    """Draws images of 4 x 4 blocks, uint8 ``[N, 16, 16, C]``."""
    values = np.random.default_rng(seed).random((count, 4, 4, channels)) < 0.3
    return np.kron(values, np.full((1, 4, 4, 1), 255)).astype(np.uint8)


def darker(_: jax.Array, image: jax.Array) -> jax.Array:
    return 0.5 * image


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aedenoise.TrainedRun:
    folder = tmp_path_factory.mktemp("calibrated") / "run"
    data = blocks(512), blocks(400, seed=1)
    return aedenoise.train(SMALL, workdir=folder, data=data, baselines=False)


def test_intervals_cover_nine_tenths_of_new_images(run: aedenoise.TrainedRun) -> None:
    with pytest.raises(CheckpointError, match="has no calibration"):
        aedenoise.load(run.workdir).interval(np.zeros((1, 16, 16), np.float32))
    test = blocks(400, seed=1)
    found = aedenoise.calibrate(run.workdir, data=(blocks(512), test))
    assert found == json.loads((run.workdir / "calibration.json").read_text())
    parts = calibration_parts(test)
    assert found["images"] == {
        name: int(np.sum(parts == n)) for n, name in enumerate(("measured", "table", "scale"))
    }
    assert found["measured"]["coverage"] == pytest.approx(0.9, abs=0.03)
    # Other images and other noise than those of the command.
    rng = np.random.default_rng(9)
    clean = blocks(300, seed=2) / np.float32(255.0)
    levels = rng.uniform(0.1, 0.5, (300, 1, 1, 1))
    noisy = np.clip(clean + levels * rng.standard_normal(clean.shape), 0.0, 1.0)
    denoised, half_width = aedenoise.load(run.workdir).interval(noisy.astype(np.float32))
    assert np.mean(np.abs(denoised - clean) <= half_width) == pytest.approx(0.9, abs=0.03)


def test_a_calibration_is_of_one_checkpoint(run: aedenoise.TrainedRun) -> None:
    place = run.workdir / "calibration.json"
    aedenoise.calibrate(run.workdir, data=(blocks(512), blocks(400, seed=1)))
    good = place.read_text()
    assert aedenoise.load(run.workdir).calibration is not None
    values = json.loads(good)
    for damaged in (good[:500], "[]", json.dumps({**values, "params": "0"}), '{"params": 1}'):
        place.write_text(damaged)
        assert aedenoise.load(run.workdir).calibration is None, damaged[:40]
    place.write_text(good)


def test_what_cannot_be_calibrated_is_refused(run: aedenoise.TrainedRun) -> None:
    with pytest.raises(DataError, match="20 test images are too few to calibrate on; use 72"):
        aedenoise.calibrate(run.workdir, data=(blocks(512), blocks(20, seed=1)))
    with pytest.raises(UsageError, match="pass them again"):
        aedenoise.calibrate(run.workdir)
    with pytest.raises(UsageError, match="unknown setting 'datadir'"):
        aedenoise.calibrate(run.workdir, datadir="x")


def test_noise_from_python_is_needed_again(run: aedenoise.TrainedRun, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    shutil.copytree(run.workdir, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "parts": {"corruption": "darker"}}))
    data = blocks(64), blocks(200, seed=1)
    with pytest.raises(
        CheckpointError, match=r"corruption=darker.*pass it to aedenoise\.calibrate"
    ):
        aedenoise.calibrate(folder, data=data)
    found = aedenoise.calibrate(folder, data=data, corruption=darker)
    assert found["noise"] == "darker noise"
    assert len(found["measured"]["by_level"]) == 1


def test_the_parts_of_a_split_depend_on_pixels_alone() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2_000, 3, 3, 1), np.uint8)
    parts = calibration_parts(images)
    np.testing.assert_array_equal(calibration_parts(images[::-1])[::-1], parts)
    np.testing.assert_array_equal(
        calibration_parts(np.repeat(images[:5], 3, 0)), parts[:5].repeat(3)
    )
    np.testing.assert_allclose(np.bincount(parts) / 2_000, (0.5, 0.25, 0.25), atol=0.04)


@pytest.mark.slow
@pytest.mark.end_to_end
def test_the_command_calibrates_where_denoise_finds_nothing(
    command: Command, tmp_path: Path
) -> None:
    small = ("--encoder_features=4,4", "--decoder_features=4,4", "--batch_size=32", "--epochs=1")
    few = ("--train_examples=64", "--test_examples=120", "--nobaselines", "--workdir=run")
    assert command("--dataset=notmnist", *small, *few, cwd=tmp_path).returncode == 0
    denoise = ("denoise", "--workdir=run", "--uncertainty", f"--input={LETTER}")
    first = command(*denoise, "--output=a.png", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "run has no calibration of this checkpoint: calibrating on half of" in first.stderr
    assert first.stdout.splitlines() == [
        "1 image denoised, in a.png, half-widths next to the results"
    ]
    again = command(*denoise, "--output=b.png", cwd=tmp_path)
    assert "calibrat" not in again.stderr
    for end in (".png", "-uncertainty.png"):
        assert (tmp_path / f"a{end}").read_bytes() == (tmp_path / f"b{end}").read_bytes()
    written = (tmp_path / "run" / "calibration.json").read_bytes()
    done = command("calibrate", "--workdir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "noise level 0.40 " in done.stdout
    assert "measured on" in done.stdout.splitlines()[-1]
    assert (tmp_path / "run" / "calibration.json").read_bytes() == written
    # A new run removes the calibration of the old one.
    fresh = command("--dataset=notmnist", *small, *few, "--overwrite", "--seed=1", cwd=tmp_path)
    assert fresh.returncode == 0, fresh.stderr
    assert not (tmp_path / "run" / "calibration.json").exists()


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        ((), 2, "calibrate needs WORKDIR or --workdir"),
        (("--workdir=none",), 3, "train there first"),
        (("--workdir=none", "--epochs=2"), 2, "takes a trained network"),
    ],
)
def test_wrong_words_are_one_line(
    command: Command, tmp_path: Path, flags: tuple[str, ...], code: int, words: str
) -> None:
    done = command("calibrate", *flags, cwd=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
