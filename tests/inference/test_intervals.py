"""Intervals of pixels: their table, their coverage, and the half-widths of the packed network."""

from __future__ import annotations

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import letters

import aedenoise
from aedenoise.config import Experiment, ModelConfig
from aedenoise.data.builders import read_open_letters
from aedenoise.errors import CheckpointError
from aedenoise.inference import intervals
from aedenoise.inference.calibration import Sample, calibrate, measure
from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.intervals import Interval, estimate_levels, from_json, measure_detail
from aedenoise.models import build_autoencoder

# 90 % of a normal distribution lie within so many standard deviations.
_NORMAL = 1.6449


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return aedenoise.load()


def synthetic(seed: int, count: int = 1_000, channels: int = 1, strength: float = 1.0) -> Sample:
    """Denoised images whose errors grow with the noise level, with brightness and at an edge."""
    rng = np.random.default_rng(seed)
    denoised = 0.2 + 0.2 * rng.random((count, 1, 1, channels)) + 0.02 * rng.random((16, 16, 1))
    denoised[:, 8:] += 0.4
    levels = rng.uniform(0.1, 0.4, count)
    spread = strength * levels[:, None, None, None] * denoised
    spread[:, 7:9] *= 3.0
    clean = denoised + spread * rng.standard_normal(denoised.shape)
    estimated = np.repeat(levels[:, None], channels, axis=1)
    return Sample(clean, denoised.astype(np.float32), estimated, levels)


@pytest.mark.parametrize("channels", [1, 3])
def test_coverage_is_even_over_brightness_level_and_edges(channels: int) -> None:
    made = calibrate(synthetic(0, channels=channels), synthetic(1, channels=channels))
    fresh = synthetic(2, channels=channels)
    found = measure(made, fresh)
    assert found["coverage"] == pytest.approx(0.9, abs=0.015)
    rows = [*found["by_brightness"], *found["by_level"]]
    assert len(found["by_level"]) == 6
    assert sum(row["share"] for row in found["by_level"]) == pytest.approx(1.0, abs=1e-3)
    assert all(abs(row["coverage"] - 0.9) < 0.02 for row in rows), rows
    widths = made.half_widths(fresh.denoised, fresh.estimated)
    inside = fresh.errors <= widths
    assert np.mean(inside[:, 7:9]) == pytest.approx(0.9, abs=0.03)
    # An interval of one width for all would be much wider where the network is good.
    ideal = _NORMAL * fresh.levels[:, None, None, None] * fresh.denoised[:, :7]
    assert np.mean(widths[:, :7]) == pytest.approx(np.mean(ideal), rel=0.1)


def test_the_factor_makes_up_for_a_table_of_other_errors() -> None:
    made = calibrate(synthetic(0, strength=0.5), synthetic(1))
    assert made.scale == pytest.approx(2.0, rel=0.03)
    assert measure(made, synthetic(2))["coverage"] == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("count", [9, 12, 40])
def test_few_images_give_wide_intervals_rather_than_wrong_ones(count: int) -> None:
    coverage = [
        measure(calibrate(synthetic(3 * n, count), synthetic(3 * n + 1, count)), synthetic(2, 40))[
            "coverage"
        ]
        for n in range(1, 9)
    ]
    assert np.mean(coverage) >= 0.9
    with pytest.raises(ValueError, match="8 images cannot calibrate"):
        calibrate(synthetic(0), synthetic(1, 8))


def test_images_without_contrast_or_error_are_calibrated() -> None:
    flat = np.full((20, 4, 4, 1), 1.0, np.float32)
    sample = Sample(flat, flat, np.full((20, 1), 0.1), np.full(20, 0.1))
    made = calibrate(sample, sample)
    assert made.half_width(flat[0, ..., 0], 0.1).max() < 1e-6
    assert measure(made, sample)["coverage"] == 1.0


def test_a_restored_calibration_gives_the_same_half_widths() -> None:
    made = replace(calibrate(synthetic(0), synthetic(1)), record={"step": 7})
    restored = from_json(json.loads(json.dumps(made.to_json())))
    fresh = synthetic(2, 10)
    np.testing.assert_array_equal(
        made.half_widths(fresh.denoised, fresh.estimated),
        restored.half_widths(fresh.denoised, fresh.estimated),
    )
    assert restored.record == {"step": 7}
    for damage in ({"format": 2}, {"levels": "0.1"}, {"table": ["a"]}, {"scale": None}):
        with pytest.raises((LookupError, TypeError, ValueError)):
            from_json({**made.to_json(), **damage})


def test_detail_is_the_largest_step_to_a_neighbour() -> None:
    image = np.array([[0, 0, 1], [0, 4, 1]], np.float32)
    np.testing.assert_array_equal(measure_detail(image), [[0, 4, 1], [4, 4, 3]])
    np.testing.assert_array_equal(measure_detail(np.ones((1, 1))), [[0.0]])


def test_large_pictures_are_looked_up_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    made = calibrate(synthetic(0, 50), synthetic(1, 50))
    image = np.random.default_rng(0).random((70, 9)).astype(np.float32)
    whole = made.half_width(image, 0.2)
    monkeypatch.setattr(intervals, "_ROWS", 16)
    np.testing.assert_array_equal(made.half_width(image, 0.2), whole)


def test_levels_are_estimated_by_channel_or_jointly() -> None:
    rng = np.random.default_rng(0)
    clean = np.full((2, 40, 40, 3), 0.5, np.float32)
    sigma = np.array([[0.05, 0.1, 0.15], [0.1, 0.1, 0.1]])
    noisy = clean + sigma[:, None, None] * rng.standard_normal(clean.shape)
    found = estimate_levels(noisy, clean, jointly=False)
    np.testing.assert_allclose(found, sigma, rtol=0.1)
    joint = estimate_levels(noisy, clean, jointly=True)
    assert joint.shape == (2, 3)
    np.testing.assert_allclose(
        joint, np.sqrt(np.mean(sigma**2, axis=1))[:, None] + np.zeros(3), 0.1
    )


@pytest.mark.parametrize("level", [0.1, 0.3, 0.6])
def test_the_packed_network_covers_new_letters_at_every_level(
    denoiser: Denoiser, level: float
) -> None:
    rng = np.random.default_rng(5)
    clean = read_open_letters("test")[0][::5, ..., None] / np.float32(255.0)
    noisy = np.clip(clean + level * rng.standard_normal(clean.shape), 0.0, 1.0).astype(np.float32)
    found = denoiser.interval(noisy)
    np.testing.assert_array_equal(found.denoised, denoiser(noisy))
    inside = (clean >= found.low - 1e-12) & (clean <= found.high + 1e-12)
    between = (found.denoised > 0.01) & (found.denoised < 0.99)
    assert 0.87 < np.mean(inside) < 0.92
    assert 0.87 < np.mean(inside[between]) < 0.93
    record = denoiser.calibration.record
    assert record["measured"]["coverage"] == pytest.approx(0.9, abs=0.01)
    rows = [*record["measured"]["by_brightness"], *record["measured"]["by_level"]]
    assert all(abs(row["coverage"] - 0.9) < 0.02 for row in rows)


def test_half_widths_grow_with_the_noise(denoiser: Denoiser) -> None:
    clean = letters(8) / np.float32(255.0)
    noise = np.random.default_rng(0).standard_normal(clean.shape)
    widths = [
        denoiser.interval(np.clip(clean + level * noise, 0.0, 1.0)).half_width.mean()
        for level in (0.1, 0.3, 0.6)
    ]
    assert widths[0] < widths[1] < widths[2]


@pytest.mark.parametrize("shape", [(2, 30, 17), (1, 20, 31, 3), (3, 1, 1, 1), (1, 600, 40)])
def test_arrays_of_any_shape_have_half_widths_of_theirs(
    denoiser: Denoiser, shape: tuple[int, ...]
) -> None:
    noisy = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    found = denoiser.interval(noisy)
    assert isinstance(found, Interval)
    assert found.denoised.shape == found.half_width.shape == shape
    assert found.half_width.dtype == np.float32
    assert found.low.min() >= 0.0
    assert found.high.max() <= 1.0
    floats = denoiser.interval(noisy / np.float32(255.0))
    np.testing.assert_allclose(found.half_width, floats.half_width, atol=1e-3)


def test_a_colour_network_has_one_level_for_all_channels() -> None:
    config = ModelConfig(encoder_features=(4, 4), decoder_features=(4, 4))
    model = build_autoencoder(config, 3, lowering="plain")
    params = model.init(jax.random.key(0), jnp.zeros((1, 16, 16, 3)), jnp.zeros(1))["params"]
    made = calibrate(synthetic(0, channels=3), synthetic(1, channels=3))
    denoise = Denoiser(
        model, params, experiment=Experiment(model=config), channels=3, step=0, calibration=made
    )
    colour = np.random.default_rng(0).random((2, 20, 24, 3), np.float32)
    found = denoise.interval(colour)
    levels = estimate_levels(colour, found.denoised, jointly=True)
    np.testing.assert_array_equal(found.half_width, made.half_widths(found.denoised, levels))
    assert denoise.interval(colour[..., 0]).half_width.shape == (2, 20, 24)


def test_a_network_without_a_calibration_says_how_to_make_one(denoiser: Denoiser) -> None:
    other = Denoiser(
        denoiser.model, denoiser.params, experiment=denoiser.experiment, channels=1, step=0
    )
    with pytest.raises(CheckpointError, match="calibrate --workdir=FOLDER"):
        other.interval(np.zeros((1, 8, 8), np.float32))
