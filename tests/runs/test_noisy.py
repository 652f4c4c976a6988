"""Runs on noisy pictures alone: from the guess to the estimate, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tifffile
from conftest import Command
from helpers import letters
from PIL import Image
from skimage import data

import aedenoise
from aedenoise.config import Experiment, NoiseConfig, override
from aedenoise.config.experiment import BLIND
from aedenoise.data.batches import eval_batches
from aedenoise.errors import UsageError
from aedenoise.evaluation.blind import HELD_OUT, STEIN, estimate_psnr, make_blind_step, sum_up
from aedenoise.metrics.noise_level import NoiseLine

LEVEL = 0.2
SMALL = ("--encoder_features=8,8", "--decoder_features=8,8", "--batch_size=32")


class Shrink:
    """Denoiser without parameters: every pixel moved towards grey."""

    def apply(self, params: object, image: jax.Array, level: jax.Array) -> jax.Array:
        return 2.0 * (image - 0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noisy letters as TIFF of floats; their clean versions in ``clean.npy``."""
    place = tmp_path_factory.mktemp("noisy") / "letters"
    place.mkdir()
    clean = letters(480)[..., 0].astype(np.float32) / np.float32(255)
    noisy = clean + LEVEL * np.random.default_rng(0).standard_normal(clean.shape, np.float32)
    for number, image in enumerate(noisy):
        tifffile.imwrite(place / f"{number:03}.tif", image)
    np.save(place.parent / "clean.npy", clean)
    return place


@pytest.fixture(scope="module")
def trained(folder: Path, data_dir: str) -> aedenoise.TrainedRun:
    return aedenoise.train(
        dataset=f"noisy:{folder}",
        encoder_features=(8, 8),
        decoder_features=(8, 8),
        batch_size=32,
        epochs=14,
        data_dir=data_dir,
        workdir=folder.parent / "run",
    )


def test_the_guess_decides_level_square_and_loss(trained: aedenoise.TrainedRun) -> None:
    experiment = trained.experiment
    assert experiment.loss == "sure"
    assert experiment.noise.kind == "recorded"
    assert experiment.noise.level == pytest.approx(LEVEL, rel=0.05)
    assert (experiment.data.image_size, experiment.data.fit) == (28, "crop")


def test_the_estimate_is_the_psnr_that_it_cannot_see(
    trained: aedenoise.TrainedRun, folder: Path
) -> None:
    results = trained.results
    assert results is not None
    assert "eval" not in results
    found = results["estimates"]
    assert found["method"] == STEIN
    assert found["noise_level"] == pytest.approx(LEVEL, rel=0.01)
    clean = np.load(folder.parent / "clean.npy")
    noisy = np.stack([tifffile.imread(path) for path in sorted(folder.glob("*.tif"))])
    denoised = trained.denoise(noisy)
    psnr = -10.0 * np.log10(np.mean(np.square(denoised - clean)))
    # The level that the network removed, by which harm to a picture is found.
    removed = aedenoise.load(trained.workdir).estimate(noisy, denoised)
    assert removed == pytest.approx(np.sqrt(np.mean(np.square(noisy - denoised))), 0.01)
    assert psnr > 14.5
    assert found["psnr_estimate"] == pytest.approx(psnr, abs=0.7)
    assert found["psnr_low"] <= found["psnr_estimate"] <= found["psnr_high"]
    assert results["noisy"]["psnr_estimate"] == pytest.approx(-20.0 * np.log10(LEVEL), abs=0.1)


def test_a_run_says_that_its_figures_are_estimates(
    trained: aedenoise.TrainedRun, command: Command
) -> None:
    page = (trained.workdir / "report.html").read_text(encoding="utf-8")
    assert "Estimates without clean pictures" in page
    again = command("--mode=eval", f"--workdir={trained.workdir}")
    assert again.returncode == 0, again.stderr
    assert "an estimate by Stein's formula" in again.stdout
    record = json.loads((trained.workdir / "eval.json").read_text())
    for name in ("psnr_estimate", "noise_level", "change"):
        assert record["estimates"][name] == pytest.approx(
            trained.results["estimates"][name], rel=1e-4
        )


def test_noisy_squares_of_photographs_are_turned(tmp_path: Path, data_dir: str) -> None:
    camera = data.camera().astype(np.float32) / np.float32(255)
    noisy = camera + np.random.default_rng(0).normal(0.0, 0.1, camera.shape).astype(np.float32)
    (tmp_path / "photos").mkdir()
    tifffile.imwrite(tmp_path / "photos" / "camera.tif", noisy)
    run = aedenoise.train(
        dataset=f"noisy:{tmp_path / 'photos'}",
        encoder_features=(4,),
        decoder_features=(4,),
        epochs=1,
        data_dir=data_dir,
        workdir=tmp_path / "run",
    )
    assert run.experiment.data.turned
    assert run.results is not None


def test_intervals_need_clean_pictures(
    trained: aedenoise.TrainedRun, folder: Path, tmp_path: Path, command: Command
) -> None:
    done = command(
        *("denoise", f"--input={folder}", f"--output={tmp_path}", "--uncertainty"),
        f"--workdir={trained.workdir}",
    )
    assert done.returncode == 2
    assert done.stderr.startswith("aedenoise: intervals are calibrated on clean images")
    assert "denoise without --uncertainty" in done.stderr


def test_the_same_pictures_are_denoised_by_the_command(
    trained: aedenoise.TrainedRun, folder: Path, tmp_path: Path, command: Command
) -> None:
    done = command(
        "denoise", f"--input={folder}", f"--output={tmp_path}", f"--workdir={trained.workdir}"
    )
    assert done.returncode == 0, done.stderr
    written = tifffile.imread(tmp_path / "000.tif")
    own = trained.denoise(tifffile.imread(folder / "000.tif")[None])[0]
    np.testing.assert_allclose(written, own, atol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("loss", BLIND)
def test_every_blind_loss_learns_and_resumes(
    loss: str, folder: Path, data_dir: str, tmp_path: Path
) -> None:
    settings = {"dataset": f"noisy:{folder}", "loss": loss, "schedule": "constant"}
    small = {"encoder_features": (8, 8), "decoder_features": (8, 8), "data_dir": data_dir}
    aedenoise.train(**settings, **small, epochs=1, workdir=tmp_path / "parts")
    parts = aedenoise.train(**settings, **small, epochs=2, workdir=tmp_path / "parts")
    assert parts.results is not None
    # A black image has 8 dB.
    assert parts.results["estimates"]["psnr_estimate"] > 10.0
    assert parts.results["best"].keys() == {"step", "score"}


def test_steins_estimate_is_the_error_and_hidden_pixels_bound_it() -> None:
    clean = letters(512).astype(np.float32) / np.float32(255)
    rng = np.random.default_rng(1)
    noisy = clean + LEVEL * rng.standard_normal(clean.shape, np.float32)
    step = jax.jit(make_blind_step(Shrink(), LEVEL))  # type: ignore[arg-type]
    sums = sum_up(step, {}, eval_batches(noisy, 128))
    restored = jax.nn.sigmoid(2.0 * (jnp.asarray(noisy) - 0.5))
    error = float(jnp.mean(jnp.square(restored - clean)))
    assert sums.count == len(clean)
    assert sums.risk(NoiseLine(LEVEL)) == pytest.approx(error, rel=0.02)
    found = estimate_psnr(sums, NoiseLine(LEVEL, error=0.01))
    assert found["psnr_low"] < found["psnr_estimate"] < found["psnr_high"]
    bound = estimate_psnr(sums, None)
    assert bound["method"] == HELD_OUT
    assert bound["psnr_estimate"] < found["psnr_estimate"]


def test_photon_noise_is_weighed_by_brightness() -> None:
    clean = letters(512).astype(np.float32) / np.float32(255)
    rng = np.random.default_rng(2)
    noisy = (rng.poisson(clean / 0.02) * 0.02).astype(np.float32)
    step = jax.jit(make_blind_step(Shrink(), 0.1))  # type: ignore[arg-type]
    sums = sum_up(step, {}, eval_batches(noisy, 128))
    error = float(np.mean(np.square(jax.nn.sigmoid(2.0 * (noisy - 0.5)) - clean)))
    assert sums.risk(NoiseLine(0.0, 0.02)) == pytest.approx(error, rel=0.02)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"loss": "mse"}, "loss mse needs more than noisy:DIR has"),
        ({"loss": "noise2noise"}, "use noise2self, sure or unsure"),
        ({"noise.kind": "gaussian"}, "leave out --noise"),
        ({"loss": "sure"}, "give --noise_level, or --loss=unsure"),
        ({"data.fit": "resize"}, "resizing changes the noise"),
        ({"noise.level": 0.1, "noise.gain": 0.1, "loss": "sure"}, "gaussian noise only"),
        ({"noise.level": 3.0}, "from 0 to 2"),
        ({"noise.clip": True}, "use --nonoise_clip"),
        ({"clean_epochs": 1}, "uses no clean images"),
        ({"adversary.weight": 0.1}, "needs clean images"),
    ],
)
def test_what_noisy_pictures_cannot_give_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        override(Experiment(), {"data.dataset": "noisy:pictures", **given})
    assert "\n" not in str(refused.value)


def test_recorded_noise_belongs_to_noisy_pictures() -> None:
    with pytest.raises(UsageError, match="is for noisy:DIR and pairs"):
        Experiment(noise=NoiseConfig(kind="recorded", level=0.1, clip=False))
    with pytest.raises(UsageError, match="noise_gain is for --dataset=noisy:DIR"):
        NoiseConfig(gain=0.1)


def test_studies_and_parts_that_need_clean_images_say_so(
    folder: Path, command: Command, tmp_path: Path
) -> None:
    noises = ("--train_noises=gaussian:0.4", "--test_noises=gaussian:0.2")
    for mode, more in (("compare", ()), ("robustness", noises)):
        done = command(
            f"--mode={mode}", f"--dataset=noisy:{folder}", f"--workdir={tmp_path / mode}", *more
        )
        assert done.returncode == 2, done.stdout
        assert "clean images" in done.stderr or "noisy already" in done.stderr
    with pytest.raises(UsageError, match="metrics needs clean images"):
        aedenoise.train(
            dataset=f"noisy:{folder}",
            metrics={"own": lambda image, reference: image.mean(axis=(1, 2, 3))},
            workdir=tmp_path / "run",
        )


def test_clean_pictures_and_jpeg_are_nothing_to_learn_from(
    command: Command, tmp_path: Path
) -> None:
    place = tmp_path / "clean"
    place.mkdir()
    for number, image in enumerate(letters(40)):
        Image.fromarray(image[..., 0]).save(place / f"{number:02}.png")
    done = command(f"--dataset=noisy:{place}", f"--workdir={tmp_path / 'run'}")
    assert done.returncode != 0
    assert "no noise" in done.stderr
    assert "folder:DIR" in done.stderr
