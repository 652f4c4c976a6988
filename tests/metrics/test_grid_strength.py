"""Strength of grids: exact for known patterns, none for constants, small for noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aedenoise.metrics.grid_strength import excess_strength, phase_strength, spectral_strength

PERIODS = st.tuples(st.integers(1, 4), st.integers(1, 4))


def pattern(period: tuple[int, int], seed: int, side: int = 48) -> np.ndarray:
    """Repeats random blocks of mean 0 over maps ``[2, 3, side, side]``."""
    block = np.random.default_rng(seed).normal(size=(2, 3, *period))
    block = block[:1].repeat(2, axis=0)
    block -= block.mean(axis=(2, 3), keepdims=True)
    return np.tile(block, (1, 1, side // period[0], side // period[1]))


@given(PERIODS.filter(lambda each: max(each) > 1), st.integers(0, 99))
def test_a_pure_pattern_is_all_grid(period: tuple[int, int], seed: int) -> None:
    maps = pattern(period, seed)
    assert phase_strength(maps, period) == pytest.approx(1.0)
    assert excess_strength(maps, period) > 0.95
    assert spectral_strength(maps, period) == pytest.approx(1.0)


@given(PERIODS, st.floats(-10, 10), st.integers(0, 99))
def test_constants_have_none_and_dilute_one(
    period: tuple[int, int], level: float, seed: int
) -> None:
    assert phase_strength(np.full((1, 2, 48, 48), level), period) < 1e-6
    maps = pattern(period, seed)
    size = np.sqrt(np.square(maps).mean())
    expected = size / np.sqrt(size**2 + level**2) if size > 1e-9 else 0.0
    assert phase_strength(maps + level, period) == pytest.approx(expected, abs=1e-6)


def test_noise_gives_the_error_of_a_mean() -> None:
    maps = np.random.default_rng(0).normal(size=(8, 4, 64, 64))
    expected = np.sqrt(4 / (8 * 64 * 64))
    assert phase_strength(maps, (2, 2)) == pytest.approx(expected, rel=0.5)
    assert spectral_strength(maps, (2, 2)) < 0.01


def test_slow_changes_are_no_grid() -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, 96), (1, 1, 96, 96))
    assert phase_strength(ramp, (8, 8)) > 0.01
    assert excess_strength(ramp, (8, 8)) < 0.01


def test_maps_smaller_than_the_period_have_none() -> None:
    maps = np.ones((1, 1, 3, 3))
    assert phase_strength(maps, (4, 4)) == 0.0
    assert spectral_strength(maps, (4, 4)) == 0.0
