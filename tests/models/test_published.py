"""The published networks and recipes, and the comparison with their figures."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT
from helpers import small, workload

from aedenoise.config import ModelConfig, NoiseConfig
from aedenoise.config.registry import find_experiment
from aedenoise.errors import UsageError
from aedenoise.inference.tiling import denoise_any_size
from aedenoise.models import build_autoencoder
from aedenoise.models.receptive_field import reach
from aedenoise.ops.images import to_image
from aedenoise.training.step import train_step
from aedenoise.training.task import create_state, parameter_count, run_keys
from experiments import published

# Worked out from the layers: (9 * inputs + 1) * outputs, and of the code 3,136 x 16 and back.
PARAMETERS = {
    "keras_2018": 320 + 18_496 + 50_192 + 53_312 + 36_928 + 18_464 + 289,
    "net_sure": 100 + 910 + 910 + 91,
    "udacity": 320 + 4_624 + 1_160 + 584 + 528 + 2_080 + 289,
}
CODES = {"keras_2018": (2, 1, 1, 16), "net_sure": (2, 7, 7, 10), "udacity": (2, 3, 3, 8)}


@pytest.mark.parametrize("network", PARAMETERS)
@pytest.mark.fast_cases("net_sure")
def test_published_networks_have_the_published_layers(network: str) -> None:
    model = build_autoencoder(ModelConfig(network=network))
    image = jax.random.uniform(jax.random.key(0), (2, 28, 28, 1))
    variables = jax.jit(model.init)(jax.random.key(1), image)
    assert parameter_count(variables) == PARAMETERS[network]
    code = model.apply(variables, image, method="encode")
    assert code.shape == CODES[network]
    assert model.apply(variables, code, method="decode").shape == image.shape
    gradient = jax.jit(jax.grad(lambda v: jnp.sum(jnp.square(model.apply(v, image)))))(variables)
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
        assert bool(jnp.all(jnp.isfinite(leaf))), path
        assert bool(jnp.any(leaf != 0.0)), path
    plain = build_autoencoder(ModelConfig(network=network), lowering="plain")
    np.testing.assert_allclose(
        plain.apply(variables, image), model.apply(variables, image), atol=1e-5
    )


def test_published_networks_leave_nothing_to_choose() -> None:
    with pytest.raises(UsageError, match="decoder cannot be chosen"):
        ModelConfig(network="udacity", decoder="bilinear")


def test_sides_that_come_back() -> None:
    udacity, fixed = ModelConfig(network="udacity"), ModelConfig(network="keras_2018")
    assert [udacity.fitting(side) for side in (1, 12, 13, 28)] == [12, 12, 20, 28]
    assert [fixed.fitting(side) for side in (5, 28, 29)] == [28, 28, None]
    model = build_autoencoder(udacity)
    shape = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), jnp.zeros((1, 20, 36, 1)))[0]
    ).shape
    assert shape == (1, 20, 36, 1)
    with pytest.raises(UsageError, match="only 28 x 28"):
        denoise_any_size(np.zeros((1, 40, 20, 1), np.float32), fixed, lambda images: images)


def test_tiles_of_a_network_with_odd_stages_leave_no_seam() -> None:
    config = ModelConfig(network="udacity")
    model = build_autoencoder(config)
    images = np.random.default_rng(0).random((1, 148, 620, 1), np.float32)
    variables = jax.jit(model.init)(jax.random.key(0), images)
    whole = jax.jit(lambda image: to_image(model.apply(variables, image)))
    tiled = denoise_any_size(images, config, lambda tile: np.asarray(whole(tile)))
    inner = slice(reach(config), -reach(config))
    np.testing.assert_allclose(
        tiled[:, inner, inner], np.asarray(whole(images))[:, inner, inner], atol=1e-5
    )


@pytest.mark.slow
def test_clean_epochs_show_clean_images(data_dir: str) -> None:
    noisy = small(epochs=2, clean_epochs=1)
    clean = small(epochs=2, noise=NoiseConfig(kind="none"))
    init_key, key = run_keys(0)
    benches = [workload(experiment, data_dir) for experiment in (noisy, clean)]
    first, second = (
        [
            jax.jit(partial(train_step, b.task))(
                create_state(b.task, init_key, b.image_shape).replace(step=jnp.int32(step)),
                key,
                b.batches(step)._replace(image=b.dataset.train.images[b.batches(step).index]),
            )[1]["loss_sum"]
            for step in (0, b.batches.steps_per_epoch)
        ]
        for b in benches
    )
    assert first[0] == second[0]
    assert first[1] != second[1]


def test_the_recipes_are_the_published_ones() -> None:
    keras_io = find_experiment("keras_io")
    assert (keras_io.model.decoder, keras_io.model.initializer) == ("transpose", "glorot")
    assert (keras_io.noise.level, keras_io.noise.fresh) == (0.4, False)
    assert (keras_io.epochs, keras_io.clean_epochs) == (150, 50)
    for name, found in published.PUBLISHED.items():
        assert max(found.points) <= find_experiment(name).epochs
    up, transposed = (find_experiment(f"raschka_{name}") for name in ("upsample", "transpose"))
    image = jnp.zeros((1, 28, 28, 1))
    counts = [
        parameter_count(jax.eval_shape(build_autoencoder(e.model).init, jax.random.key(0), image))
        for e in (up, transposed)
    ]
    assert counts == [1_325, 1_325]


def test_the_page_and_the_headers_come_from_the_curves() -> None:
    runs = published.read_curves()
    assert published.to_csv(runs) == published.CURVES.read_text(encoding="utf-8")
    assert published.table(runs) == published.TABLE.read_text(encoding="utf-8")
    for name in published.PUBLISHED:
        own = [run for run in runs if run.experiment == name]
        assert own, name
        document = (ROOT / "experiments" / f"{name}.py").read_text(encoding="utf-8")
        said = " ".join(document.split('"""')[1].split())
        assert published.sentence(name, own) in said
