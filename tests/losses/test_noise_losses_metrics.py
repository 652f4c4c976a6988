"""Pure functions on images, against distributions, closed forms and scikit-image."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from skimage.metrics import structural_similarity

from aedenoise.config import NOISES, NoiseConfig
from aedenoise.errors import UsageError
from aedenoise.losses import reconstruction
from aedenoise.metrics import image_quality
from aedenoise.ops.noise import corrupt_batch, corruption

KEY = jax.random.key(0)
pytestmark = pytest.mark.usefixtures("strict_dtypes")


def corrupted(kind: str, image, key=KEY, **fields) -> jax.Array:
    return corruption(NoiseConfig(kind=kind, **{"clip": False, **fields})).apply(key, image).image


@pytest.mark.parametrize("level", [0.1, 0.4, 1.5])
@pytest.mark.parametrize(
    ("kind", "deviation"),
    [
        ("gaussian", lambda level, x: level),
        ("uniform", lambda level, x: level / 3**0.5),
        ("speckle", lambda level, x: level * x),
        ("poisson", lambda level, x: level * x**0.5),
    ],
)
def test_noise_has_its_deviation_and_no_bias(
    kind: str, deviation: Callable[[float, float], float], level: float
) -> None:
    for value in (0.2, 0.9):
        noisy = corrupted(kind, jnp.full((500, 500, 1), value), level=level)
        expected = deviation(level, value)
        assert float(jnp.mean(noisy)) == pytest.approx(value, abs=4 * expected / 500)
        assert float(jnp.std(noisy)) == pytest.approx(expected, rel=0.02)
    assert NoiseConfig(kind=kind, clip=False).unbiased


@pytest.mark.parametrize(
    ("kind", "family", "parameters"),
    [
        ("gaussian", stats.norm, lambda level: (0.5, level)),
        ("uniform", stats.uniform, lambda level: (0.5 - level, 2 * level)),
        ("speckle", stats.norm, lambda level: (0.5, 0.5 * level)),
    ],
)
def test_noise_has_its_distribution(
    kind: str, family: Any, parameters: Callable[[float], tuple[float, float]]
) -> None:
    noisy = np.asarray(corrupted(kind, jnp.full((60, 60, 1), 0.5), level=0.3)).ravel()
    assert stats.kstest(noisy, family(*parameters(0.3)).cdf).pvalue > 0.01


def test_poisson_noise_counts_photons() -> None:
    counts = np.asarray(corrupted("poisson", jnp.full((80, 80, 1), 0.5), level=0.5)).ravel() / 0.25
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-4)
    observed = np.bincount(np.round(counts).astype(int), minlength=12)[:12]
    expected = stats.poisson.pmf(np.arange(12), 2.0) * counts.size
    assert (
        stats.chisquare(observed[:7], expected[:7] * observed[:7].sum() / expected[:7].sum())[1]
        > 0.01
    )


@pytest.mark.parametrize("kind", ["salt_pepper", "masking", "blocks"])
@pytest.mark.parametrize("level", [0.0, 0.1, 0.4, 1.0])
def test_noise_that_replaces_pixels_replaces_its_share(kind: str, level: float) -> None:
    noisy = np.asarray(corrupted(kind, jnp.full((700, 700, 3), 0.5), level=level))
    changed = noisy != 0.5
    assert (changed[..., 0] == changed[..., 2]).all()
    tolerance = 0.2 if kind == "blocks" and 0 < level < 1 else 0.005
    assert changed.mean() == pytest.approx(level, abs=tolerance)
    allowed = {0.0, 1.0} if kind == "salt_pepper" else {0.0}
    assert set(np.unique(noisy[changed])) <= allowed
    if kind == "salt_pepper" and level:
        assert noisy[changed].mean() == pytest.approx(0.5, abs=0.02)


def test_blocks_are_squares_in_a_grid_that_moves() -> None:
    keys = jax.random.split(KEY, 400)
    image = jnp.ones((28, 28, 1))
    noisy = np.stack([np.asarray(corrupted("blocks", image, key, level=0.3)) for key in keys[:60]])
    assert 1.0 - noisy.mean() == pytest.approx(0.3, abs=0.04)
    edges = {int(e) for each in noisy for e in np.flatnonzero(np.diff(each[..., 0], axis=0).any(1))}
    assert len(edges) > 20
    for each in noisy:
        places = np.flatnonzero(np.diff(each[..., 0], axis=0).any(axis=1))
        assert len(set(places % 4)) <= 1


def test_quantisation_rounds_to_its_steps() -> None:
    image = jnp.linspace(0.0, 1.0, 101).reshape(1, 101, 1)
    np.testing.assert_allclose(
        corrupted("quantisation", image, level=0.25), np.round(image * 4) / 4, atol=1e-6
    )


@pytest.mark.parametrize("kind", NOISES)
def test_noise_of_level_zero_is_none(kind: str) -> None:
    image = jax.random.uniform(KEY, (28, 28, 1))
    np.testing.assert_array_equal(corrupted(kind, image, level=0.0), image)


@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize("shape", [(28, 28, 1), (17, 40, 3), (1, 1, 1)])
def test_every_noise_keeps_shape_and_range(kind: str, shape: tuple[int, int, int]) -> None:
    image = jax.random.uniform(KEY, shape)
    noisy = jax.jit(corruption(NoiseConfig(kind=kind, level=0.3)).apply)(KEY, image)
    assert noisy.image.shape == shape
    assert noisy.image.dtype == jnp.float32
    assert bool(jnp.all((noisy.image >= 0.0) & (noisy.image <= 1.0)))
    assert float(noisy.level) == pytest.approx(0.0 if kind == "none" else 0.3)


def test_a_mean_is_added_and_clipping_is_explicit() -> None:
    image = jnp.zeros((64, 64, 1))
    clipped = corrupted("gaussian", image, level=0.5, mean=0.5, clip=True)
    free = corrupted("gaussian", image, level=0.5, mean=0.5)
    assert float(free.min()) < 0.0
    assert float(free.mean()) == pytest.approx(0.5, abs=0.03)
    np.testing.assert_array_equal(clipped, jnp.clip(free, 0.0, 1.0))


def test_a_mixture_is_one_noise_after_another() -> None:
    image = jnp.full((300, 300, 1), 0.5)
    noisy = np.asarray(corrupted("gaussian+salt_pepper:0.2", image, level=0.1))
    struck = (noisy == 0.0) | (noisy == 1.0)
    assert struck.mean() == pytest.approx(0.2, abs=0.01)
    assert noisy[~struck].std() == pytest.approx(0.1, rel=0.02)
    again = np.asarray(corrupted("gaussian+gaussian", image, level=0.3))
    assert again.std() == pytest.approx(0.3 * 2**0.5, rel=0.02)


def test_a_blind_level_is_drawn_for_each_example() -> None:
    corrupt = corruption(NoiseConfig(level=0.2, level_max=0.6, clip=False))
    images = jnp.full((400, 20, 20, 1), 0.5)
    noisy = corrupt_batch(corrupt, KEY, 3, jnp.arange(400), images)
    assert stats.kstest(np.asarray(noisy.level), "uniform", (0.2, 0.4)).pvalue > 0.01
    measured = np.asarray(noisy.image - images).std(axis=(1, 2, 3))
    np.testing.assert_allclose(measured, noisy.level, rtol=0.2)


def test_noise_depends_on_key_step_and_example_alone() -> None:
    def noisy(key, step: int, index, images, **fields):
        config = NoiseConfig(level=0.3, clip=False, **fields)
        return corrupt_batch(corruption(config), key, step, index, images).image

    images = jnp.zeros((6, 8, 8, 1))
    index = jnp.array([3, 1, 4, 1, 5, 9])
    found = noisy(KEY, 7, index, images)
    order = jnp.array([5, 2, 0, 1, 4, 3])
    np.testing.assert_array_equal(noisy(KEY, 7, index[order], images), found[order])
    np.testing.assert_array_equal(noisy(KEY, 7, index[:2], images[:2]), found[:2])
    np.testing.assert_array_equal(found[1], found[3])
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(noisy(KEY, 8, index, images), found)
    assert not np.array_equal(noisy(jax.random.key(1), 7, index, images), found)
    drawn_once = noisy(KEY, 7, index, images, fresh=False)
    np.testing.assert_array_equal(noisy(KEY, 8, index, images, fresh=False), drawn_once)
    assert not np.array_equal(drawn_once[0], drawn_once[1])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "gausian"}, "did you mean 'gaussian'"),
        ({"kind": "gaussian+"}, "unknown noise ''"),
        ({"kind": "gaussian:x"}, "is a number, not 'x'"),
        ({"level": 25.0}, "for 25 of 255 use 0.0980"),
        ({"kind": "masking", "level": 1.5}, "the share of pixels"),
        ({"kind": "gaussian+masking:2"}, "noise_level of masking"),
        ({"level": 0.6, "level_max": 0.2}, "from the least to the greatest"),
        ({"kind": "gaussian:0.1", "level_max": 0.6}, "has its own levels"),
        ({"kind": "masking", "mean": 0.5}, "noise_mean is for gaussian and uniform"),
        ({"mean": 3.0}, "from -1 to 1"),
        ({"level": float("nan")}, "not nan"),
    ],
)
def test_wrong_noise_is_refused(fields: dict, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        NoiseConfig(**fields)


def test_noise_says_what_it_is() -> None:
    assert str(NoiseConfig()) == "gaussian noise 0.4, clipped"
    blind = NoiseConfig(level=0.2, level_max=0.6, mean=0.5, clip=False, fresh=False)
    assert str(blind) == "gaussian noise 0.2 to 0.6, mean 0.5, drawn once"
    assert str(NoiseConfig(kind="poisson:0.1+gaussian:0.05", clip=False)) == (
        "poisson:0.1+gaussian:0.05 noise"
    )


def test_bce_is_exact_at_any_logit() -> None:
    logits = jnp.array([-1000.0, -3.0, 0.0, 3.0, 1000.0]).reshape(5, 1, 1, 1)
    target = jnp.array([0.0, 0.25, 0.5, 1.0, 1.0]).reshape(5, 1, 1, 1)
    p = 1.0 / (1.0 + np.exp(3.0))
    expected = [0.0, -0.25 * np.log(p) - 0.75 * np.log1p(-p), np.log(2), -np.log1p(-p), 0.0]
    np.testing.assert_allclose(reconstruction.bce(logits, target), expected, rtol=1e-6)
    gradient = jax.grad(lambda x: reconstruction.bce(x, target).sum())(logits)
    np.testing.assert_allclose(gradient, jax.nn.sigmoid(logits) - target, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_no_prediction_is_below_the_floor(seed: int) -> None:
    key_a, key_b = jax.random.split(jax.random.key(seed))
    target = jnp.round(jax.random.uniform(key_a, (3, 4, 4, 1)) * 8.0) / 8.0
    prediction = jax.random.uniform(key_b, target.shape)
    floor = reconstruction.bce_floor(target)
    assert bool(jnp.all(image_quality.bce(prediction, target) >= floor - 1e-6))
    np.testing.assert_allclose(image_quality.bce(target, target), floor, atol=2e-6)


def test_losses_are_per_example_and_refuse_other_shapes() -> None:
    logits, target = jnp.zeros((3, 12, 12, 2)), jnp.ones((3, 12, 12, 2))
    for loss in reconstruction.LOSSES.values():
        assert loss(logits, target).shape == (3,)
        with pytest.raises(ValueError, match="shapes differ"):
            loss(logits[..., :1], target)
    np.testing.assert_allclose(reconstruction.mse(logits, target), 0.25)
    np.testing.assert_allclose(reconstruction.l1(logits, target), 0.5)
    np.testing.assert_allclose(reconstruction.charbonnier(logits, target), 0.499001, atol=1e-6)
    same = jnp.full_like(target, 0.5)
    np.testing.assert_allclose(reconstruction.ssim(logits, same), 0.0, atol=1e-6)
    np.testing.assert_allclose(reconstruction.charbonnier(logits, same), 0.0, atol=1e-6)
    left = jnp.arange(12)[None, None, :, None] < 6
    np.testing.assert_allclose(
        reconstruction.emphasized_bce(logits, target, jnp.broadcast_to(left, target.shape)),
        0.75 * reconstruction.bce(logits, target),
        rtol=1e-6,
    )


@pytest.mark.parametrize("name", reconstruction.LOSSES)
def test_every_loss_is_least_at_the_target_and_has_finite_gradients(name: str) -> None:
    target = jax.random.uniform(KEY, (2, 12, 12, 1), minval=0.05, maxval=0.95)
    exact = jax.scipy.special.logit(target)
    other = exact + jax.random.normal(jax.random.key(1), exact.shape)
    loss = reconstruction.LOSSES[name]
    assert bool(jnp.all(loss(exact, target) < loss(other, target)))
    for logits in (exact, other, 1000.0 * other, jnp.zeros_like(other)):
        gradient = jax.grad(lambda x: loss(x, target).sum())(logits)
        assert bool(jnp.all(jnp.isfinite(gradient)))


def test_psnr_of_known_errors() -> None:
    np.testing.assert_allclose(
        image_quality.psnr_from_mse(jnp.array([1.0, 0.01, 0.0])), [0.0, 20.0, 100.0], atol=1e-5
    )
    assert image_quality.psnr_of_mean(0.001) == pytest.approx(30.0)


@pytest.mark.parametrize("shape", [(28, 28, 1), (11, 17, 1), (32, 20, 3)])
def test_ssim_equals_scikit_image(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    reference = rng.random((4, *shape), np.float32)
    image = np.clip(reference + rng.normal(0, 0.2, reference.shape), 0, 1).astype(np.float32)
    expected = [
        structural_similarity(
            a,
            b,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1.0,
            channel_axis=-1,
        )
        for a, b in zip(image, reference, strict=True)
    ]
    np.testing.assert_allclose(image_quality.ssim(image, reference), expected, atol=2e-6)


def test_ssim_refuses_images_smaller_than_its_window() -> None:
    with pytest.raises(ValueError, match="at least 11 x 11"):
        image_quality.ssim(jnp.zeros((1, 8, 28, 1)), jnp.zeros((1, 8, 28, 1)))
