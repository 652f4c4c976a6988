"""Dense networks: the contract of the decoders, penalties worked out by hand, greedy stages."""

from __future__ import annotations

import dataclasses
import functools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import digest, run, small, workload

from aedenoise.config import CodeConfig, Experiment, ModelConfig, NoiseConfig, from_dict, to_dict
from aedenoise.errors import UsageError
from aedenoise.inference.tiling import denoise_any_size
from aedenoise.losses import code_penalties
from aedenoise.models import build_autoencoder
from aedenoise.ops.images import to_image
from aedenoise.training.layerwise import Stages
from aedenoise.training.loss_spikes import SpikeDetector
from aedenoise.training.step import train_step
from aedenoise.training.task import create_state, parameter_count, run_keys

KEY = jax.random.key(0)
VARIANTS = [{"tied": False, "activation": "relu"}, {"tied": True, "activation": "sigmoid"}]
# Of 784 to 12 to 7 to 5: kernels and biases of the encoder, then of the decoder.
ENCODER = 784 * 12 + 12 + 12 * 7 + 7 + 7 * 5 + 5
KERNELS = 784 * 12 + 12 * 7 + 7 * 5
GREEDY = {
    "model": ModelConfig(network="mlp", hidden=(8,), code_size=6, activation="sigmoid"),
    "noise": NoiseConfig(kind="masking", level=0.25),
    "epochs": 4,
    "greedy_epochs": 1,
}


@functools.cache
def make(precision: str = "float32", **options: object):
    """Returns a model, its variables and an image."""
    config = ModelConfig(network="mlp", hidden=(12, 7), code_size=5, precision=precision, **options)
    model = build_autoencoder(config)
    image = jax.random.uniform(KEY, (2, 28, 28, 1))
    return model, jax.jit(model.init)(KEY, image), image


@pytest.mark.usefixtures("strict_dtypes")
@pytest.mark.parametrize("options", VARIANTS, ids=str)
class TestContract:
    def test_parameters(self, options: dict[str, object]) -> None:
        _, variables, _ = make(**options)
        decoder = 7 + 12 + 784 + (0 if options["tied"] else KERNELS)
        assert parameter_count(variables) == ENCODER + decoder
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))

    def test_code_and_logits(self, options: dict[str, object]) -> None:
        model, variables, image = make(**options)
        code = model.apply(variables, image, method="encode")
        assert code.shape == (2, 1, 1, 5)
        assert float(code.min()) >= 0.0
        logits = model.apply(variables, code, method="decode")
        assert (logits.shape, logits.dtype) == (image.shape, jnp.float32)
        np.testing.assert_array_equal(logits, model.apply(variables, image))

    def test_gradients_are_finite_and_reach_every_parameter(
        self, options: dict[str, object]
    ) -> None:
        model, variables, image = make(**options)
        gradient = jax.jit(
            jax.grad(lambda v: jnp.sum(jnp.square(to_image(model.apply(v, image)) - image)))
        )(variables)
        for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
            assert bool(jnp.all(jnp.isfinite(leaf))), path
            assert bool(jnp.any(leaf != 0.0)), path

    def test_jit_and_batch_size_change_nothing(self, options: dict[str, object]) -> None:
        model, variables, image = make(**options)
        whole = model.apply(variables, image)
        np.testing.assert_allclose(jax.jit(model.apply)(variables, image), whole, atol=1e-5)
        np.testing.assert_allclose(model.apply(variables, image[1:]), whole[1:], atol=1e-5)

    def test_bfloat16_is_near(self, options: dict[str, object]) -> None:
        model, variables, image = make(**options)
        other, _, _ = make("bfloat16", **options)
        logits = other.apply(variables, image)
        assert logits.dtype == jnp.float32
        np.testing.assert_allclose(logits, model.apply(variables, image), atol=0.1)


def test_tied_weights_are_the_encoders() -> None:
    model, variables, _ = make(tied=True)
    kernel = variables["params"]["encoder"]["layers_2"]["kernel"]
    rows = jnp.array([[1.0, 0.0, 0.0, 0.0, 2.0]])
    found = model.apply(variables, rows, method=lambda m, x: m.decoder.layer(x, 2))
    np.testing.assert_allclose(found[0], kernel[:, 0] + 2.0 * kernel[:, 4], rtol=1e-6)


def test_one_size_alone() -> None:
    model, variables, image = make()
    config = ModelConfig(network="mlp")
    with pytest.raises(ValueError, match="for images"):
        model.apply(variables, image[:, :24])

    def denoise(images: np.ndarray) -> np.ndarray:
        assert images.shape[1:] == (28, 28, 1)
        return images

    images = np.asarray(image[:, :20, :13])
    np.testing.assert_array_equal(denoise_any_size(images, config, denoise, (28, 28)), images)
    with pytest.raises(UsageError, match="at most 28 x 28"):
        denoise_any_size(np.zeros((1, 29, 28, 1), np.float32), config, denoise, (28, 28))


def test_a_code_that_can_copy_the_image_is_refused() -> None:
    model = ModelConfig(network="mlp", code_size=784)
    bare = Experiment(model=model, noise=NoiseConfig(kind="none"))
    with pytest.raises(UsageError, match="can copy an image of 784 values"):
        bare.check_pixels(784)
    bare.check_pixels(785)
    Experiment(model=model).check_pixels(784)
    Experiment(
        model=model, noise=NoiseConfig(kind="none"), code=CodeConfig(sparsity="l1")
    ).check_pixels(784)


def test_records_of_before_are_read() -> None:
    record = to_dict(Experiment())
    del record["code"], record["greedy_epochs"], record["model"]["hidden"]
    record["model"]["network"] = "stages"
    assert from_dict(record) == Experiment()
    dense = Experiment(**GREEDY, code=CodeConfig())
    assert from_dict(to_dict(dense)) == dense


def test_l1_by_hand() -> None:
    code = jnp.array([[1.0, -3.0], [0.0, 0.5]])[:, None, None, :]
    np.testing.assert_allclose(code_penalties.l1(code), [2.0, 0.25])


def test_kl_by_hand_and_its_gradient() -> None:
    def whole(code: jax.Array) -> jax.Array:
        """Computes the penalty of the batch directly from its formula."""
        m, t = code.mean(axis=0), 0.1
        return jnp.mean(t * jnp.log(t / m) + (1 - t) * jnp.log((1 - t) / (1 - m)))

    def shared(code: jax.Array) -> jax.Array:
        return jnp.mean(code_penalties.kl(code, code.mean(axis=0), 0.1))

    code = jnp.array([[0.2, 0.1], [0.6, 0.1], [0.4, 0.1]])
    # The second value's mean is the target; of the first it is 0.4.
    by_hand = 0.5 * (0.1 * np.log(0.1 / 0.4) + 0.9 * np.log(0.9 / 0.6))
    assert float(whole(code)) == pytest.approx(by_hand, rel=1e-5)
    assert float(shared(code)) == pytest.approx(by_hand, rel=1e-5)
    np.testing.assert_allclose(jax.grad(shared)(code), jax.grad(whole)(code), atol=1e-7)


def test_contraction_of_one_sigmoid_layer() -> None:
    kernel = jnp.array([[1.0, -2.0], [0.5, 0.0], [3.0, 1.0]])

    def encode(image: jax.Array) -> jax.Array:
        return jax.nn.sigmoid(image.reshape(len(image), -1) @ kernel)

    images = jnp.array([[0.1, 0.2, 0.3], [0.9, 0.0, 0.4]]).reshape(2, 1, 3, 1)
    code = encode(images)
    # Rifai et al. 2011, equation 4: sum_j (h_j (1 - h_j))**2 sum_i W_ij**2.
    exact = jnp.square(code * (1.0 - code)) @ jnp.array([1.0 + 0.25 + 9.0, 4.0 + 0.0 + 1.0])
    probes = 4096
    many = jnp.repeat(images, probes, axis=0)
    keys = jax.random.split(KEY, 2 * probes)
    found = code_penalties.contraction(encode, many, keys).reshape(2, probes).mean(axis=1)
    np.testing.assert_allclose(found, exact, rtol=0.05)


@pytest.mark.slow
def test_penalties_train_alike_under_jit_and_pmap(data_dir: str) -> None:
    model = ModelConfig(network="mlp", hidden=(8,), code_size=6, activation="sigmoid")
    code = CodeConfig(sparsity="kl", sparsity_weight=1.0, contractive_weight=0.1)
    experiment = small(model=model, code=code, data__train_examples=70)
    by_jit = run(data_dir, experiment)[2].losses
    by_pmap = run(data_dir, experiment, parallel="pmap")[2].losses
    np.testing.assert_allclose(by_pmap, by_jit, rtol=0, atol=2e-6)


def test_the_stage_is_a_function_of_the_step() -> None:
    stages = Stages(layers=2, steps=3)
    found = [int(stages.stage(jnp.int32(step))) for step in range(9)]
    assert found == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert stages.lengths(9) == [3, 3, 3]
    assert stages.starts == (3, 6)
    assert int(Stages().stage(jnp.int32(5))) == 0


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.fast_cases("True")
def test_greedy_stages_move_their_layer_alone(data_dir: str, tied: bool) -> None:
    model = dataclasses.replace(GREEDY["model"], tied=tied)
    b = workload(small(**{**GREEDY, "model": model}), data_dir)
    init_key, key = run_keys(0)
    state = create_state(b.task, init_key, b.image_shape)
    step_fn = jax.jit(partial(train_step, b.task))
    steps = b.batches.steps_per_epoch
    moved: dict[int, set[str]] = {}
    for step in range(3 * steps):
        batch = b.batches(step)
        before = state.params
        state, metrics = step_fn(
            state, key, batch._replace(image=b.dataset.train.images[batch.index])
        )
        assert bool(jnp.isfinite(metrics["loss_sum"]))
        changed = {
            jax.tree_util.keystr(path, simple=True, separator="/")
            for (path, old), new in zip(
                jax.tree_util.tree_leaves_with_path(before),
                jax.tree.leaves(state.params),
                strict=True,
            )
            if bool(jnp.any(old != new))
        }
        moved.setdefault(step // steps, set()).update(changed)

    def own(number: int) -> set[str]:
        encoder = {f"encoder/layers_{number}/{leaf}" for leaf in ("kernel", "bias")}
        if tied:
            return encoder | {f"decoder/bias_{number}"}
        return encoder | {f"decoder/layers_{number}/{leaf}" for leaf in ("kernel", "bias")}

    assert moved == {0: own(0), 1: own(1), 2: own(0) | own(1)}


@pytest.mark.slow
def test_greedy_training_resumes_across_a_stage_bit_for_bit(data_dir: str) -> None:
    experiment = small(**GREEDY)
    unbroken = {}
    # At the end of the first stage, and in the second.
    for parallel, stops in (("jit", (7, 9)), ("pmap", (9,))):
        whole, complete, unbroken[parallel] = run(data_dir, experiment, parallel=parallel)
        assert complete
        for stop_at in stops:
            _, _, first = run(data_dir, experiment, parallel=parallel, stop_at=stop_at)
            state = first.states[stop_at]
            again, complete, _ = run(data_dir, experiment, parallel=parallel, state=state)
            assert complete
            assert digest(again) == digest(whole)
    losses = [recorder.losses for recorder in unbroken.values()]
    np.testing.assert_allclose(losses[1], losses[0], rtol=0, atol=1e-6)


def test_another_loss_is_no_spike() -> None:
    losses = [1.0] * 20 + [5.0] * 20
    assert SpikeDetector(starts=(20,)).look(1, losses) is None
    found = SpikeDetector().look(1, losses)
    assert found is not None
    assert found.step == 21


@pytest.mark.slow
def test_each_stage_learns(data_dir: str) -> None:
    model = ModelConfig(network="mlp", hidden=(64,), code_size=32, activation="sigmoid")
    experiment = small(
        **{**GREEDY, "model": model, "epochs": 15, "greedy_epochs": 5}, optimizer__warmup=0.0
    )
    losses = np.array([loss for _, loss in run(data_dir, experiment)[2].losses])
    for stage in np.split(losses, 3):
        assert stage[-7:].mean() < stage[:7].mean()


def test_the_name_of_a_dense_run() -> None:
    assert small(model=ModelConfig(network="mlp")).label == "mlp-notmnist"
