"""Spectra of images with known power, and the classifier that tells sets of spectra apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aedenoise.metrics.separation import separation_accuracy
from aedenoise.metrics.spectrum import (
    high_band_db,
    largest_deviation_db,
    log_power,
    radial_frequencies,
    radial_power,
    ratio_db,
)

NOISE = np.random.default_rng(0).normal(0.5, 0.1, (64, 28, 28, 1)).astype(np.float32)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape)


class TestSpectrum:
    def test_white_noise_has_its_variance_at_every_frequency(self) -> None:
        power = radial_power(NOISE)
        assert power.shape == (64, 20)
        # The last ring has a single value, so its mean varies most.
        np.testing.assert_allclose(power.mean(axis=0)[:-1], 0.01, rtol=0.1)

    @pytest.mark.parametrize("cycles", [1, 7, 14])
    def test_a_wave_has_power_at_its_frequency_alone(self, cycles: int) -> None:
        wave = np.cos(2 * np.pi * cycles * np.arange(28) / 28)
        image = np.broadcast_to(0.5 + 0.2 * wave[:, None, None], (1, 28, 28, 3))
        power = radial_power(image)[0]
        frequencies = radial_frequencies(28, 28)
        assert frequencies[power > 1e-9].tolist() == [pytest.approx(cycles / 28)]

    def test_a_checkerboard_is_at_the_largest_frequency(self) -> None:
        rows, columns = np.indices((28, 28))
        board = np.where((rows + columns) % 2, 0.6, 0.4)[None, :, :, None]
        power = radial_power(board)[0]
        assert power.argmax() == len(power) - 1
        assert radial_frequencies(28, 28)[-1] == pytest.approx(np.sqrt(0.5), abs=0.5 / 28)

    @settings(max_examples=20, deadline=None)
    @given(st.integers(4, 20), st.integers(4, 20), st.integers(1, 3))
    def test_rings_hold_every_frequency_once(self, height: int, width: int, channels: int) -> None:
        """Parseval: the sum over the rings and the mean brightness is the energy of the image."""
        images = normal(2, height, width, channels)
        rows, columns = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
        rings = np.rint(np.hypot(rows, columns) * min(height, width)).astype(int)
        spectrum = np.square(np.abs(np.fft.fft2(images, axes=(1, 2)))).mean(axis=3)
        power = radial_power(images)
        assert power.shape == (2, len(radial_frequencies(height, width)))
        outside = spectrum[:, rings == 0].sum(axis=1) / (height * width)
        energy = np.square(images).sum(axis=(1, 2)).mean(axis=1)
        np.testing.assert_allclose(power @ np.bincount(rings.ravel())[1:] + outside, energy)

    def test_twice_the_contrast_is_six_decibels_everywhere(self) -> None:
        clean, doubled = radial_power(NOISE), radial_power(2 * NOISE)
        np.testing.assert_allclose(ratio_db(doubled, clean), 6.02, atol=0.01)
        assert high_band_db(doubled, clean) == pytest.approx(6.02, abs=0.01)
        assert largest_deviation_db(clean, doubled) == pytest.approx(6.02, abs=0.01)
        assert largest_deviation_db(clean, clean) == 0.0

    def test_the_high_band_sees_what_the_other_frequencies_do_not_have(self) -> None:
        rows, columns = np.indices((28, 28))
        board = np.where((rows + columns) % 2, 0.05, -0.05)[None, :, :, None]
        wave = 0.05 * np.cos(2 * np.pi * 5 * rows / 28)[None, :, :, None]
        clean = radial_power(NOISE)
        assert high_band_db(radial_power(NOISE + board), clean) > 3.0
        assert abs(high_band_db(radial_power(NOISE + wave), clean)) < 0.01
        blurred = (NOISE + np.roll(NOISE, 1, 1) + np.roll(NOISE, 1, 2)) / 3
        assert high_band_db(radial_power(blurred), clean) < -3.0

    def test_a_black_image_is_finite(self) -> None:
        black = radial_power(np.zeros((2, 8, 8, 1), np.float32))
        assert ratio_db(black, black).tolist() == [0.0] * black.shape[1]
        assert np.isfinite(log_power(black)).all()


class TestSeparation:
    def test_a_set_cannot_be_told_from_itself(self) -> None:
        features = normal(40, 5)
        assert separation_accuracy(features, features) == 0.5

    def test_distant_sets_are_told_apart_and_a_constant_feature_does_no_harm(self) -> None:
        features = normal(40, 3)
        features[:, 2] = 7.0
        assert separation_accuracy(features, features + np.array([9.0, 0.0, 0.0])) == 1.0

    @pytest.mark.parametrize("distance", [0.0, 1.0, 2.0])
    def test_two_normal_sets_are_told_apart_as_well_as_can_be(self, distance: float) -> None:
        """The best classifier is right with probability Phi(distance / 2)."""
        first, second = normal(2, 4000, 2)
        second[:, 0] += distance
        expected = stats.norm.cdf(distance / 2)
        assert separation_accuracy(first, second) == pytest.approx(expected, abs=0.025)

    def test_it_is_tested_on_other_images(self) -> None:
        """With more features than images any labels can be learnt by heart."""
        first, second = normal(2, 60, 100)
        assert separation_accuracy(first, second) < 0.75
