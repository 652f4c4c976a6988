"""The conformal factor and bound: their guarantee under exchangeability, and the smallest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aedenoise.metrics.conformal import conformal_bound, conformal_scale, least_images


@pytest.mark.parametrize(
    # Worked out by hand: of n images alike inside, floor((n + 1) miss - 1) may lie outside.
    ("count", "coverage", "rank"),
    [(9, 0.9, 9), (10, 0.9, 10), (19, 0.9, 18), (20, 0.9, 19), (29, 0.9, 27), (3, 0.5, 2)],
)
def test_the_factor_is_an_order_statistic(count: int, coverage: float, rank: int) -> None:
    ratios = np.random.default_rng(0).permutation(count) + 1.0
    assert conformal_scale(ratios, coverage) == rank


def test_too_few_images_are_refused() -> None:
    assert least_images(0.9) == 9
    with pytest.raises(
        ValueError, match="8 images cannot calibrate intervals of 90%; use at least"
    ):
        conformal_scale(np.ones(8), 0.9)


@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(9, 40),
    pixels=st.integers(1, 30),
    coverage=st.sampled_from([0.5, 0.8, 0.9]),
)
def test_the_factor_is_the_smallest_that_meets_the_bound(
    seed: int, images: int, pixels: int, coverage: float
) -> None:
    rng = np.random.default_rng(seed)
    ratios = rng.exponential(size=(images, pixels)) * rng.exponential(size=(images, 1))
    bound = ((images + 1) * (1.0 - coverage) - 1.0) / images
    found = conformal_scale(ratios, coverage)
    assert np.mean(ratios > found) <= bound + 1e-9
    assert np.mean(ratios >= found) > bound - 1e-9


@pytest.mark.parametrize("count", [10, 20, 50])
def test_a_new_image_is_inside_as_often_as_promised(count: int) -> None:
    """Pixels of an image succeed or fail together, the worst case for a pooled quantile: without
    the correction ten images give 0.82."""
    rng = np.random.default_rng(1)
    trials = 4_000
    images = rng.lognormal(size=(trials, count + 1, 1)) * rng.uniform(0.999, 1.0, (1, count + 1, 4))
    inside = [np.mean(each[-1] <= conformal_scale(each[:-1], 0.9)) for each in images]
    error = 4.0 * np.std(inside) / np.sqrt(trials)
    assert 0.9 - error <= np.mean(inside) <= 0.9 + 1.0 / (count + 1) + error


@pytest.mark.parametrize(
    # ceil((n + 1) coverage), which must not exceed n.
    ("count", "coverage", "rank"),
    [(9, 0.9, 9), (10, 0.9, 10), (19, 0.9, 18), (29, 0.9, 27), (3, 0.5, 2)],
)
def test_the_bound_is_an_order_statistic(count: int, coverage: float, rank: int) -> None:
    values = np.random.default_rng(0).permutation(count) + 1.0
    assert conformal_bound(values, coverage) == rank
    assert conformal_bound(np.append(values[values < count], np.inf), 0.99) == np.inf


@pytest.mark.parametrize("count", [0, 8])
def test_too_few_values_have_no_bound(count: int) -> None:
    assert conformal_bound(np.ones(count), 0.9) == np.inf
