"""The noise level where a denoiser finds pictures flat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import data

from aedenoise.metrics.flat_noise import measure_with_denoiser
from aedenoise.metrics.noise_level import NoiseLine

LEVEL = 0.1


def squares(name: str, side: int = 64) -> np.ndarray:
    grey = getattr(data, name)().astype(np.float32) / np.float32(255)
    down, across = (length // side for length in grey.shape)
    cut = grey[: down * side, : across * side].reshape(down, side, across, side)
    return cut.transpose(0, 2, 1, 3).reshape(-1, side, side, 1)


def blur(strength: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda images: ndimage.gaussian_filter(images, (0, strength, strength, 0))


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return np.concatenate([squares("camera"), squares("moon"), squares("brick")])


def noise_for(images: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(images.shape, np.float32)


@settings(max_examples=8, deadline=None)
@given(
    strength=st.sampled_from([1.0, 2.0]),
    error=st.sampled_from([0.95, 1.0, 1.05]),
    seed=st.integers(0, 1000),
)
def test_the_level_does_not_depend_on_the_denoiser_or_the_guess(
    clean: np.ndarray, strength: float, error: float, seed: int
) -> None:
    noisy = clean + np.float32(LEVEL) * noise_for(clean, seed)
    found = measure_with_denoiser(noisy, blur(strength), NoiseLine(error * LEVEL))
    assert found.read == pytest.approx(LEVEL, rel=0.0125)
    assert 0.0005 < found.error < 0.1


def test_a_denoiser_that_changes_nothing_does_not_lower_the_level(clean: np.ndarray) -> None:
    """Patches in which it leaves little are those in which there is little noise."""
    noisy = clean + np.float32(LEVEL) * noise_for(clean, 0)
    guess = NoiseLine(LEVEL)
    assert measure_with_denoiser(noisy, lambda images: images, guess) == guess
    found = measure_with_denoiser(noisy, lambda images: 0.5 + 0.25 * (images - 0.5), guess)
    assert found.read == pytest.approx(LEVEL, rel=0.0125)


def test_noise_that_grows_with_the_brightness_is_measured_as_a_line(clean: np.ndarray) -> None:
    counts = np.random.default_rng(0).poisson(clean / 0.04).astype(np.float32) * np.float32(0.04)
    noisy = counts + np.float32(0.05) * noise_for(clean, 1)
    found = measure_with_denoiser(noisy, blur(2.0), NoiseLine(0.06, 0.035))
    assert found.gain == pytest.approx(0.04, rel=0.04)
    # One that contradicts the guess everywhere is that of a poor network.
    guess = NoiseLine(0.3, 0.35)
    assert measure_with_denoiser(noisy, blur(2.0), guess) == guess


def test_photon_noise_without_read_noise_is_measured_on_black_too(clean: np.ndarray) -> None:
    dark = np.maximum(clean - np.float32(0.3), 0.0)
    noisy = np.random.default_rng(5).poisson(dark / 0.04).astype(np.float32) * np.float32(0.04)

    def denoise(images: np.ndarray) -> np.ndarray:
        return np.where(images == 0.0, 0.0, blur(2.0)(images))

    found = measure_with_denoiser(noisy, denoise, NoiseLine(0.0, 0.036))
    assert found.gain == pytest.approx(0.04, rel=0.08)


def test_pictures_of_any_side_and_results_without_any_texture(clean: np.ndarray) -> None:
    odd = clean[:, :62, :59]
    noisy = odd + np.float32(LEVEL) * noise_for(odd, 3)
    found = measure_with_denoiser(noisy, blur(2.0), NoiseLine(LEVEL))
    assert found.read == pytest.approx(LEVEL, rel=0.0125)
    black = np.float32(LEVEL) * noise_for(np.zeros((40, 64, 64, 3), np.float32), 4)
    found = measure_with_denoiser(black, np.zeros_like, NoiseLine(1.05 * LEVEL))
    assert found.read == pytest.approx(LEVEL, rel=0.0125)


def test_a_few_patches_say_nothing(clean: np.ndarray) -> None:
    guess = NoiseLine(0.2)
    assert measure_with_denoiser(clean[:4], blur(1.0), guess) == guess
