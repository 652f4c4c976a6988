"""Pure functions on images, against distributions, closed forms and scikit-image."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from aedenoise import losses, metrics
from aedenoise.experiment import NoiseConfig
from aedenoise.noise import corrupt_batch, corruption, gaussian

KEY = jax.random.key(0)
pytestmark = pytest.mark.usefixtures("strict_dtypes")


@pytest.mark.parametrize("sigma", [0.1, 0.4, 1.5])
def test_gaussian_has_its_sigma_and_no_bias(sigma: float) -> None:
    noise = gaussian(KEY, jnp.full((500, 500, 1), 0.5), sigma=sigma, clip=False) - 0.5
    assert float(jnp.mean(noise)) == pytest.approx(0.0, abs=4 * sigma / 500)
    assert float(jnp.std(noise)) == pytest.approx(sigma, rel=0.01)


def test_clipping_is_explicit() -> None:
    image = jnp.zeros((64, 64, 1))
    clipped = gaussian(KEY, image, sigma=0.4, clip=True)
    free = gaussian(KEY, image, sigma=0.4, clip=False)
    assert float(free.min()) < 0.0
    np.testing.assert_array_equal(clipped, jnp.clip(free, 0.0, 1.0))
    np.testing.assert_array_equal(gaussian(KEY, image, sigma=0.0, clip=False), image)


def test_noise_depends_on_key_step_and_example_alone() -> None:
    corrupt = corruption(NoiseConfig(level=0.3, clip=False))
    images = jnp.zeros((6, 8, 8, 1))
    index = jnp.array([3, 1, 4, 1, 5, 9])
    noisy = corrupt_batch(corrupt, KEY, 7, index, images)
    order = jnp.array([5, 2, 0, 1, 4, 3])
    np.testing.assert_array_equal(
        corrupt_batch(corrupt, KEY, 7, index[order], images), noisy[order]
    )
    np.testing.assert_array_equal(corrupt_batch(corrupt, KEY, 7, index[:2], images[:2]), noisy[:2])
    np.testing.assert_array_equal(noisy[1], noisy[3])
    assert not np.array_equal(noisy[0], noisy[1])
    assert not np.array_equal(corrupt_batch(corrupt, KEY, 8, index, images), noisy)
    assert not np.array_equal(corrupt_batch(corrupt, jax.random.key(1), 7, index, images), noisy)


def test_bce_is_exact_at_any_logit() -> None:
    logits = jnp.array([-1000.0, -3.0, 0.0, 3.0, 1000.0]).reshape(5, 1, 1, 1)
    target = jnp.array([0.0, 0.25, 0.5, 1.0, 1.0]).reshape(5, 1, 1, 1)
    p = 1.0 / (1.0 + np.exp(3.0))
    expected = [0.0, -0.25 * np.log(p) - 0.75 * np.log1p(-p), np.log(2), -np.log1p(-p), 0.0]
    np.testing.assert_allclose(losses.bce(logits, target), expected, rtol=1e-6)
    gradient = jax.grad(lambda x: losses.bce(x, target).sum())(logits)
    np.testing.assert_allclose(gradient, jax.nn.sigmoid(logits) - target, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_no_prediction_is_below_the_floor(seed: int) -> None:
    key_a, key_b = jax.random.split(jax.random.key(seed))
    target = jnp.round(jax.random.uniform(key_a, (3, 4, 4, 1)) * 8.0) / 8.0
    prediction = jax.random.uniform(key_b, target.shape)
    floor = losses.bce_floor(target)
    assert bool(jnp.all(metrics.bce(prediction, target) >= floor - 1e-6))
    np.testing.assert_allclose(metrics.bce(target, target), floor, atol=2e-6)


def test_losses_are_per_example_and_refuse_other_shapes() -> None:
    logits, target = jnp.zeros((3, 4, 4, 2)), jnp.ones((3, 4, 4, 2))
    for loss in losses.LOSSES.values():
        assert loss(logits, target).shape == (3,)
        with pytest.raises(ValueError, match="shapes differ"):
            loss(logits[..., :1], target)
    np.testing.assert_allclose(losses.mse(logits, target), 0.25)


def test_psnr_of_known_errors() -> None:
    np.testing.assert_allclose(
        metrics.psnr(jnp.array([1.0, 0.01, 0.0])), [0.0, 20.0, 100.0], atol=1e-5
    )
    assert metrics.psnr_of_mean(0.001) == pytest.approx(30.0)


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
    np.testing.assert_allclose(metrics.ssim(image, reference), expected, atol=2e-6)


def test_ssim_refuses_images_smaller_than_its_window() -> None:
    with pytest.raises(ValueError, match="at least 11 x 11"):
        metrics.ssim(jnp.zeros((1, 8, 28, 1)), jnp.zeros((1, 8, 28, 1)))
