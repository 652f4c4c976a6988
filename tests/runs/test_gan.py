"""GANs and adversarial denoisers: the denoisers' contract, and the parts of their own."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import Command
from helpers import digest, letters, run, small, workload
from PIL import Image

import aedenoise
from aedenoise.config import (
    DECODERS,
    GAN_DEFAULTS,
    AdversaryConfig,
    Experiment,
    ModelConfig,
    NoiseConfig,
    OptimizerConfig,
    from_dict,
    replace,
    to_dict,
)
from aedenoise.config.study import Study
from aedenoise.errors import UsageError
from aedenoise.inference.denoiser import load_denoiser
from aedenoise.metrics.generative import (
    class_shares,
    confident_share,
    fit_gaussian,
    frechet,
    nearest,
    precision_recall,
)
from aedenoise.models import build_discriminator, build_generator
from aedenoise.runs.gan_hooks import between_latents, collapsed
from aedenoise.studies.hallucination.networks import networks_of_decoders
from aedenoise.studies.robustness import RobustnessPlan
from aedenoise.training.checkpoints import Checkpoints
from aedenoise.training.discriminator import discriminator_loss
from aedenoise.training.spectral_norm import first_vectors, normalized

KEY = jax.random.key(0)
GAN = {
    "model": ModelConfig(
        network="gan",
        encoder_features=(4, 4),
        decoder_features=(4, 4),
        hidden=(16,),
        latent_size=8,
    ),
    "noise": NoiseConfig(kind="none"),
    "optimizer": OptimizerConfig(learning_rate=2e-4, schedule="constant", warmup=0.0, b1=0.0),
}
SIDES = {
    "hinge": AdversaryConfig(),
    "non_saturating": AdversaryConfig(loss="non_saturating"),
    "r1": AdversaryConfig(regularizer="r1", r1_weight=0.1),
    "none": AdversaryConfig(regularizer="none"),
}
OF_DENOISER = {"adversary": AdversaryConfig(weight=0.01)}
BOTH = pytest.mark.parametrize("overrides", [GAN, OF_DENOISER], ids=["gan", "denoiser"])
NORMAL = np.random.default_rng(0)


@functools.cache
def make(decoder: str, precision: str = "float32"):
    """Returns a generator, its variables and latents."""
    config = ModelConfig(
        network="gan",
        decoder=decoder,
        encoder_features=(4, 8),
        decoder_features=(8, 4),
        hidden=(16,),
        latent_size=6,
        precision=precision,
    )
    model = build_generator(config, (28, 28, 1), lowering="plain")
    latent = jax.random.normal(KEY, (3, 6))
    return model, jax.jit(model.init)(KEY, latent), latent


@pytest.mark.usefixtures("strict_dtypes")
@pytest.mark.parametrize("decoder", [name for name in DECODERS if name != "max_unpool"])
class TestContract:
    @pytest.mark.fast_cases("upsample", "transpose")
    def test_images_of_numbers(self, decoder: str) -> None:
        model, variables, latent = make(decoder)
        logits = model.apply(variables, latent)
        assert (logits.shape, logits.dtype) == ((3, 28, 28, 1), jnp.float32)
        code = model.apply(variables, latent, method="code")
        assert code.shape == (3, 7, 7, 8)
        assert float(code.min()) >= 0.0
        np.testing.assert_allclose(model.apply(variables, code, method="decode"), logits, atol=1e-6)

    @pytest.mark.fast_cases("upsample", "transpose")
    def test_gradients_are_finite_and_reach_every_parameter(self, decoder: str) -> None:
        model, variables, latent = make(decoder)
        gradient = jax.jit(jax.grad(lambda v: jnp.sum(jnp.square(model.apply(v, latent)))))(
            variables
        )
        for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
            assert bool(jnp.all(jnp.isfinite(leaf))), path
            assert bool(jnp.any(leaf != 0.0)), path

    @pytest.mark.fast_cases("transpose")
    def test_the_batch_size_changes_nothing(self, decoder: str) -> None:
        model, variables, latent = make(decoder)
        whole = model.apply(variables, latent)
        np.testing.assert_allclose(model.apply(variables, latent[1:]), whole[1:], atol=1e-5)

    @pytest.mark.fast_cases("upsample", "transpose")
    def test_bfloat16_is_near(self, decoder: str) -> None:
        model, variables, latent = make(decoder)
        other, _, _ = make(decoder, "bfloat16")
        found = other.apply(variables, latent)
        assert found.dtype == jnp.float32
        np.testing.assert_allclose(found, model.apply(variables, latent), atol=0.3)


@pytest.mark.slow
def test_the_discriminator_takes_any_side() -> None:
    model = build_discriminator(ModelConfig(network="gan"), lowering="plain")
    image = jax.random.uniform(KEY, (2, 29, 30, 3))
    logits, variables = model.init_with_output(KEY, image)
    assert logits.shape == (2, 1)
    assert set(variables["params"]) == {"encoder", "hidden", "out"}


def test_the_largest_singular_value_becomes_one() -> None:
    params = {
        "conv": {"kernel": jax.random.normal(KEY, (3, 3, 2, 5)), "bias": jnp.ones(5)},
        "dense": {"kernel": 4.0 * jnp.eye(3), "bias": jnp.zeros(3)},
    }
    vectors = first_vectors(KEY, params)
    assert set(vectors) == {"conv/kernel", "dense/kernel"}
    for _ in range(50):
        smooth, vectors = normalized(params, vectors)
    for name, layer in params.items():
        kernel = smooth[name]["kernel"].reshape(-1, layer["kernel"].shape[-1])
        assert float(jnp.linalg.norm(kernel, 2)) == pytest.approx(1.0, rel=1e-3)
        np.testing.assert_array_equal(smooth[name]["bias"], layer["bias"])
    # Spectral normalisation cancels the scale of a kernel, so no gradient points along it.
    gradient = jax.grad(lambda p: jnp.sum(normalized(p, vectors)[0]["conv"]["kernel"] ** 2))(params)
    along = jnp.vdot(gradient["conv"]["kernel"], params["conv"]["kernel"])
    assert abs(float(along)) < 1e-3 * float(jnp.linalg.norm(gradient["conv"]["kernel"]))


def test_losses_by_hand() -> None:
    real, made = np.array([2.0, 0.5]), np.array([-3.0, 0.0])
    np.testing.assert_allclose(discriminator_loss("hinge", real, made), [0.0, 1.5])
    told = np.log(1.0 / (1.0 + np.exp(-real))) + np.log(1.0 - 1.0 / (1.0 + np.exp(-made)))
    found = discriminator_loss("non_saturating", real, made)
    np.testing.assert_allclose(found, -told, rtol=1e-5)


@pytest.mark.slow
def test_r1_is_the_squared_gradient(data_dir: str) -> None:
    b = workload(small(**GAN, adversary=SIDES["r1"]), data_dir)
    adversary = b.task.adversary
    assert adversary.model.encoder.lowering == "plain"  # of others there is no second derivative
    state = b.create_state(KEY).adversary
    image = jnp.asarray(letters(2), jnp.float32) / 255.0

    def score(image: jax.Array) -> jax.Array:
        return adversary.model.apply({"params": state.params}, image[None])[0, 0]

    by_hand = [jnp.sum(jnp.square(jax.grad(score)(one))) for one in image]
    found = adversary._squared_gradient(state.params, image)
    np.testing.assert_allclose(found, by_hand, rtol=1e-4)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.slow
def test_pmap_and_jit_play_alike(data_dir: str, side: str) -> None:
    experiment = small(**GAN, adversary=SIDES[side], data__train_examples=70)
    by_jit = run(data_dir, experiment)[2].losses
    by_pmap = run(data_dir, experiment, parallel="pmap")[2].losses
    np.testing.assert_allclose(by_pmap, by_jit, rtol=0, atol=5e-6)


@BOTH
@pytest.mark.fast_cases("gan")
@pytest.mark.slow
def test_play_resumes_bit_for_bit(data_dir: str, overrides: dict[str, object]) -> None:
    experiment = small(**overrides)
    whole, complete, _ = run(data_dir, experiment)
    assert complete
    _, _, first = run(data_dir, experiment, stop_at=9)
    again, _, _ = run(data_dir, experiment, state=first.states[9])
    assert digest(again) == digest(whole)


@BOTH
@pytest.mark.fast_cases("gan")
@pytest.mark.slow
def test_several_steps_per_call_change_nothing(data_dir: str, overrides: dict[str, object]) -> None:
    one = run(data_dir, small(**overrides))[0]
    three = run(data_dir, small(**overrides), steps_per_call=3)[0]
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(three), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.slow
def test_a_checkpoint_has_both_networks(data_dir: str, tmp_path: Path) -> None:
    b = workload(small(**GAN), data_dir)
    state = b.create_state(KEY)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(3, state, {})
        found = checkpoints.restore(b.state_like()).state
    assert digest(found) == digest(state)
    names = {field.name for field in dataclasses.fields(found)}
    assert names == {"step", "params", "opt_state", "adversary", "average"}


@pytest.mark.slow
def test_the_mean_over_steps_follows(data_dir: str) -> None:
    b = workload(small(**GAN, adversary__average=0.5), data_dir)
    state = b.create_state(KEY)
    before = jax.tree.map(np.array, state.average)
    step = b.executor.train(b.step_fn, several=False)
    state, _ = step(state, b.executor.replicate(KEY), b.split, b.batches(0))
    # After one step: (1 + 1) / (10 + 1) of what it was.
    expected = jax.tree.map(lambda old, new: (2 * old + 9 * new) / 11, before, state.params)
    for a, c in zip(jax.tree.leaves(state.average), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-5, atol=1e-7)


@BOTH
@pytest.mark.slow
def test_padding_counts_for_nothing(data_dir: str, overrides: dict[str, object]) -> None:
    b = workload(small(**overrides), data_dir)
    batch = b.batches(0)._replace(image=b.dataset.train.images[b.batches(0).index])
    half = batch._replace(mask=np.arange(len(batch.mask)) < 16)
    other = half._replace(
        image=np.where(half.mask[:, None, None, None], half.image, 255),
        index=np.where(half.mask, half.index, 0),  # other latent vectors, or noise
    )
    step = jax.jit(b.step_fn)
    states = [step(b.create_state(KEY), KEY, each)[0] for each in (half, other)]
    assert digest(states[0]) == digest(states[1])


@pytest.mark.slow
def test_a_weight_of_almost_nothing_is_the_denoiser(data_dir: str) -> None:
    plain, _, recorded = run(data_dir, small())
    faint = run(data_dir, small(adversary__weight=1e-12))[0]
    for a, c in zip(jax.tree.leaves(plain.params), jax.tree.leaves(faint.params), strict=True):
        np.testing.assert_allclose(a, c, atol=1e-3)
    assert run(data_dir, small(**OF_DENOISER))[2].losses != recorded.losses


def test_frechet_of_known_distributions() -> None:
    points = NORMAL.normal(size=(20_000, 3))
    own = fit_gaussian(points)
    assert frechet(own, own) == pytest.approx(0.0, abs=1e-6)
    moved = fit_gaussian(points + np.array([3.0, 0.0, 4.0]))
    assert frechet(own, moved) == pytest.approx(25.0, rel=1e-3)
    # Of N(0, 1) and N(0, 4) in three dimensions: 3 (2 - 1)^2.
    assert frechet(own, fit_gaussian(2.0 * points)) == pytest.approx(3.0, rel=0.05)


def test_precision_and_recall_of_known_sets() -> None:
    real, like = NORMAL.normal(size=(2, 400, 2)).astype(np.float32)
    precision, recall = precision_recall(real, like)
    assert min(precision, recall) > 0.85
    one = np.zeros((400, 2), np.float32) + 1e-3 * like
    precision, recall = precision_recall(real, one)
    assert precision > 0.95
    assert recall < 0.1
    assert precision_recall(real, like + 100.0) == (0.0, 0.0)


def test_shares_and_neighbours() -> None:
    said = np.array([[0.95, 0.05, 0.0], [0.5, 0.4, 0.1], [0.0, 1.0, 0.0], [0.02, 0.97, 0.01]])
    np.testing.assert_allclose(class_shares(said), [0.5, 0.5, 0.0])
    assert confident_share(said) == 0.75
    rows = NORMAL.normal(size=(1500, 7)).astype(np.float32)
    place, apart = nearest(rows[[3, 1400]] + np.float32(1e-2), rows)
    assert place.tolist() == [3, 1400]
    np.testing.assert_allclose(apart, 1e-2 * np.sqrt(7), rtol=0.1)


def test_collapse_is_named() -> None:
    whole = {"lost_classes": [], "recall": 0.6}
    assert collapsed(whole) == ""
    assert collapsed({}) == ""
    assert "class 3, 7" in collapsed({**whole, "lost_classes": ["3", "7"]})
    assert "2.0% of the test images" in collapsed({**whole, "recall": 0.02})


def test_walks_keep_their_distance_from_the_middle() -> None:
    a, b = NORMAL.normal(size=(2, 64)).astype(np.float32)
    walk = between_latents(a, b, 9)
    np.testing.assert_allclose(walk[[0, -1]], [a, b], atol=1e-5)
    lengths = np.linalg.norm(walk, axis=1)
    assert lengths.min() > 0.95 * min(lengths[0], lengths[-1])
    np.testing.assert_allclose(between_latents(a, a, 3), [a, a, a], rtol=1e-5)


def test_records_of_before_are_read() -> None:
    record = to_dict(Experiment())
    del record["adversary"], record["model"]["latent_size"]
    assert from_dict(record) == Experiment()
    gan = replace(Experiment(), {**GAN_DEFAULTS, "optimizer.schedule": "cosine"})
    assert from_dict(to_dict(gan)) == gan
    assert (gan.noise.kind, gan.optimizer.b1, gan.optimizer.schedule) == ("none", 0.0, "cosine")
    assert gan.label == "gan-upsample-notmnist"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"model": ModelConfig(network="gan")}, "noise gaussian is for denoisers"),
        ({**GAN, "noise": NoiseConfig(kind="none", level=0.2)}, "setting of the noise is for"),
        ({**GAN, "loss": "mse"}, "loss mse is for denoisers"),
        ({**GAN, "epochs": 3, "clean_epochs": 1}, "clean_epochs is for denoisers"),
        ({"adversary": AdversaryConfig(loss="non_saturating")}, "gan_loss needs"),
        ({"adversary": AdversaryConfig(average=0.5)}, "average is for model gan"),
        ({"adversary": AdversaryConfig(weight=1.0), "model": ModelConfig(network="mlp")}, "conv"),
    ],
)
def test_contradictions_are_refused(overrides: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Experiment(**overrides)


@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_gan_from_the_command_line(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "gan"
    flags = ("--train_examples=600", "--test_examples=30", "--encoder_features=4,4")
    flags += ("--decoder_features=4,4", "--latent_size=8", "--epochs=1", "--decoder=transpose")
    done = command("--model=gan", *flags, f"--workdir={folder}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "mode collapse: " in done.stdout  # after ten steps there is nothing yet
    text = (folder / "report.html").read_text()
    assert "Generated images in the feature space of a classifier" in text
    drawn = {file.stem for file in (folder / "figures").glob("*.png")}
    assert drawn == {"made", "between", "nearest"}
    assert "nothing to do" in command("--model=gan", *flags, f"--workdir={folder}").stdout
    done = command("--mode=eval", f"--workdir={folder}", "--checkpoint=best")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Frechet distance" in done.stdout
    sample = ("--mode=sample", f"--workdir={folder}", "--count=10", "--seed=3")
    done = command(*sample)
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(folder / "samples.png") as picture:
        assert picture.size == (118, 88)
    images = aedenoise.load_generator(folder)(10, seed=3)
    assert images.shape == (10, 28, 28, 1)
    assert command(*sample, f"--output={folder}/made.npz").returncode == 0
    found = np.load(folder / "made.npz")["images"].astype(int)
    assert np.abs(found - np.round(images * 255)).max() <= 1
    for mode, code, words in (
        (("--mode=sample",), 5, "already exists"),
        (("--mode=denoise", f"--input={folder}/samples.png"), 2, "holds a GAN"),
        (("--mode=probe",), 2, "holds a GAN"),
    ):
        done = command(*mode, f"--workdir={folder}")
        assert done.returncode == code
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_gan_of_images_without_labels(command: Command, tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (160, 16, 16), np.uint8)
    np.savez(tmp_path / "own.npz", x_train=images[:128], x_test=images[128:])
    folder = tmp_path / "gan"
    flags = (f"--dataset=npz:{tmp_path}/own.npz", "--encoder_features=4,4", "--latent_size=8")
    flags += ("--decoder_features=4,4", "--hidden=16", "--epochs=2")
    done = command("--model=gan", *flags, f"--workdir={folder}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "generated images are not scored" in done.stdout
    results = json.loads((folder / "results.json").read_text())
    assert (results["made"], results["best"]) == ({}, {"step": results["train"]["steps"]})
    assert "in the feature space of a classifier" not in (folder / "report.html").read_text()
    target = tmp_path / "many.webp"
    done = command("--mode=sample", f"--workdir={folder}", "--count=850000", f"--output={target}")
    assert done.returncode == 2
    assert ".webp holds no more than 16,383 pixels a side" in done.stderr


@pytest.mark.end_to_end
@pytest.mark.slow
def test_an_adversarial_denoiser_from_the_command_line(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    flags = ("--experiment=debug", "--adversarial_weight=0.01", "--nobaselines")
    done = command(*flags, f"--workdir={folder}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "train/score_made" in (folder / "metrics.jsonl").read_text()
    denoise = load_denoiser(folder)
    assert denoise(np.zeros((1, 28, 28, 1), np.float32)).shape == (1, 28, 28, 1)
    done = command("--mode=sample", f"--workdir={folder}")
    assert done.returncode == 2
    assert "cannot generate images" in done.stderr


@pytest.mark.slow
def test_a_gan_denoises_nothing() -> None:
    gan = small(**GAN)
    for refused in (
        lambda: RobustnessPlan(gan, (NoiseConfig(),), (NoiseConfig(),)),
        lambda: Study(base=gan),
        lambda: networks_of_decoders(gan, ("upsample",), (0.2,), Path("unused")),
    ):
        with pytest.raises(UsageError, match="a GAN denoises nothing"):
            refused()
