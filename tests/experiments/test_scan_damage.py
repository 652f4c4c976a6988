"""Damage of pages: contracts of every kind, and what each of them does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from experiments.scans import paper, recipe, scanner

Damage = Callable[[np.random.Generator, np.ndarray], np.ndarray]
DAMAGES: dict[str, Damage] = {
    "uneven_light": lambda rng, page: paper.uneven_light(rng, page, strength=0.6),
    "vignette": lambda _, page: paper.vignette(page, strength=0.5),
    "shadow": lambda rng, page: paper.shadow(rng, page, strength=0.5, softness=0.05),
    "tint": lambda _, page: paper.tint(page, level=0.8),
    "grain": lambda rng, page: paper.grain(rng, page, strength=0.1, size=1.0),
    "stain": lambda rng, page: paper.stain(rng, page, strength=0.6, radius=0.2),
    "fold": lambda rng, page: paper.fold(rng, page, strength=0.5),
    "border": lambda rng, page: paper.border(rng, page, strength=0.8),
    "show_through": lambda _, page: paper.show_through(page, page, strength=0.3, blur=1.0),
    "fade_ink": lambda rng, page: paper.fade_ink(rng, page, strength=0.5),
    "blur": lambda _, page: scanner.blur(page, sigma=1.5),
    "motion_blur": lambda _, page: scanner.motion_blur(page, length=4.0, angle=0.7),
    "low_contrast": lambda _, page: scanner.low_contrast(page, black=0.3, white=0.8),
    "gamma": lambda _, page: scanner.gamma(page, exponent=1.5),
    "gaussian_noise": lambda rng, page: scanner.gaussian_noise(rng, page, level=0.3),
    "poisson_noise": lambda rng, page: scanner.poisson_noise(rng, page, photons=20.0),
    "salt_and_pepper": lambda rng, page: scanner.salt_and_pepper(rng, page, share=0.1),
    "jpeg": lambda _, page: scanner.jpeg(page, quality=30),
}
# Which of them leave a page as it is, and with which values.
NEUTRAL: dict[str, Damage] = {
    "uneven_light": lambda rng, page: paper.uneven_light(rng, page, strength=0.0),
    "vignette": lambda _, page: paper.vignette(page, strength=0.0),
    "shadow": lambda rng, page: paper.shadow(rng, page, strength=0.0, softness=0.1),
    "tint": lambda _, page: paper.tint(page, level=1.0),
    "grain": lambda rng, page: paper.grain(rng, page, strength=0.0, size=1.0),
    "stain": lambda rng, page: paper.stain(rng, page, strength=0.0, radius=0.2),
    "fold": lambda rng, page: paper.fold(rng, page, strength=0.0),
    "border": lambda rng, page: paper.border(rng, page, strength=0.0),
    "show_through": lambda _, page: paper.show_through(page, page, strength=0.0, blur=1.0),
    "fade_ink": lambda rng, page: paper.fade_ink(rng, page, strength=0.0),
    "blur": lambda _, page: scanner.blur(page, sigma=0.0),
    "motion_blur": lambda _, page: scanner.motion_blur(page, length=0.0, angle=0.7),
    "low_contrast": lambda _, page: scanner.low_contrast(page, black=0.0, white=1.0),
    "gamma": lambda _, page: scanner.gamma(page, exponent=1.0),
    "gaussian_noise": lambda rng, page: scanner.gaussian_noise(rng, page, level=0.0),
    "salt_and_pepper": lambda rng, page: scanner.salt_and_pepper(rng, page, share=0.0),
}


def make_rng() -> np.random.Generator:
    return np.random.default_rng(7)


def flat(value: float, height: int = 120, width: int = 90) -> np.ndarray:
    return np.full((height, width), value, np.float32)


def dot(height: int = 41, width: int = 41) -> np.ndarray:
    page = np.zeros((height, width), np.float32)
    page[height // 2, width // 2] = 1.0
    return page


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_keeps_shape_type_and_range_and_follows_its_seed(name: str) -> None:
    page = np.random.default_rng(0).random((60, 44), np.float32)
    before = page.copy()
    damaged = DAMAGES[name](make_rng(), page)
    np.testing.assert_array_equal(page, before)
    assert damaged.shape == page.shape
    assert damaged.dtype == np.float32
    assert 0.0 <= damaged.min() <= damaged.max() <= 1.0
    assert np.abs(damaged - page).max() > 0.02
    np.testing.assert_array_equal(damaged, DAMAGES[name](make_rng(), page))


@pytest.mark.parametrize("name", NEUTRAL)
def test_damage_of_no_strength_changes_nothing(name: str) -> None:
    page = np.random.default_rng(0).random((60, 44), np.float32)
    np.testing.assert_allclose(NEUTRAL[name](make_rng(), page), page, atol=1e-6)


@pytest.mark.parametrize("name", ["uneven_light", "shadow", "vignette"])
def test_light_is_lost_by_the_strength_at_most(name: str) -> None:
    strength = {"uneven_light": 0.6, "shadow": 0.5, "vignette": 0.5}[name]
    damaged = DAMAGES[name](make_rng(), flat(1.0))
    assert damaged.min() == pytest.approx(1.0 - strength, abs=0.01)
    assert damaged.max() > 0.98


def test_a_vignette_is_darkest_in_all_four_corners() -> None:
    damaged = paper.vignette(flat(1.0, 41, 31), strength=0.4)
    np.testing.assert_allclose(damaged[[0, 0, -1, -1], [0, -1, 0, -1]], 0.6, atol=1e-6)
    assert damaged[20, 15] == 1.0


def test_grain_has_the_standard_deviation_of_its_strength() -> None:
    damaged = paper.grain(make_rng(), flat(0.5, 300, 300), strength=0.1, size=1.5)
    assert damaged.std() == pytest.approx(0.05, rel=0.02)
    assert damaged.mean() == pytest.approx(0.5, abs=0.005)


def test_a_stain_covers_a_part_of_the_page_only() -> None:
    damaged = paper.stain(make_rng(), flat(1.0, 200, 200), strength=0.5, radius=0.1)
    assert 0.005 < np.mean(damaged < 0.9) < 0.1
    assert np.mean(damaged > 0.999) > 0.8


def test_a_fold_is_a_thin_line_across_the_page() -> None:
    damaged = paper.fold(make_rng(), flat(1.0, 400, 300), strength=0.4)
    assert damaged.min() < 0.75
    assert np.mean(damaged < 0.8) < 0.05


def test_a_border_is_a_strip_along_one_side() -> None:
    damaged = paper.border(make_rng(), flat(1.0, 400, 400), strength=1.0)
    dark = damaged < 0.5
    assert sum(bool(side.all()) for side in (dark[0], dark[-1], dark[:, 0], dark[:, -1])) == 1
    assert 0.002 <= dark.mean() <= 0.025


def test_the_back_side_shows_mirrored() -> None:
    back = flat(1.0)
    back[50:70, 5:25] = 0.0
    damaged = paper.show_through(flat(1.0), back, strength=0.3, blur=1.0)
    assert damaged[60, 90 - 15] == pytest.approx(0.7, abs=0.01)
    assert damaged[60, 15] == pytest.approx(1.0, abs=0.01)


def test_faded_ink_leaves_the_paper() -> None:
    page = flat(1.0)
    page[:60] = 0.0
    damaged = paper.fade_ink(make_rng(), page, strength=0.5)
    np.testing.assert_array_equal(damaged[60:], 1.0)
    assert 0.2 < damaged[:60].max() <= 0.5


def test_blur_has_the_width_of_its_sigma() -> None:
    spread = scanner.blur(dot(), sigma=2.0).sum(axis=0)
    offsets = np.arange(41) - 20
    assert spread.sum() == pytest.approx(1.0, abs=1e-4)
    assert np.sqrt(np.sum(spread * offsets**2)) == pytest.approx(2.0, abs=0.05)


def test_motion_blur_spreads_along_its_path_alone() -> None:
    moved = scanner.motion_blur(dot(), length=4.0, angle=0.0)
    np.testing.assert_allclose(moved[20, 18:23], 0.2, atol=1e-6)
    assert moved.sum() == pytest.approx(1.0, abs=1e-5)


def test_low_contrast_moves_black_and_white() -> None:
    page = np.array([[0.0, 0.5, 1.0]], np.float32)
    found = scanner.low_contrast(page, black=0.2, white=0.8)
    np.testing.assert_allclose(found, [[0.2, 0.5, 0.8]], atol=1e-6)


def test_noises_have_the_statistics_of_their_level() -> None:
    page = flat(0.5, 300, 300)
    assert scanner.gaussian_noise(make_rng(), page, level=0.1).std() == pytest.approx(0.1, rel=0.02)
    counted = scanner.poisson_noise(make_rng(), page, photons=100.0)
    assert counted.var() == pytest.approx(0.5 / 100.0, rel=0.03)
    salted = scanner.salt_and_pepper(make_rng(), page, share=0.1)
    assert np.mean(salted == 0.0) == pytest.approx(0.05, abs=0.005)
    assert np.mean(salted == 1.0) == pytest.approx(0.05, abs=0.005)


def test_jpeg_of_lower_quality_is_further_from_the_page() -> None:
    page = np.random.default_rng(0).random((64, 64), np.float32)
    low, high = (np.abs(scanner.jpeg(page, quality=q) - page).mean() for q in (20, 90))
    assert low > 2.0 * high > 0.0


def test_a_share_of_pages_stays_nearly_clean() -> None:
    page = flat(1.0)
    page[40:80, 20:60] = 0.1
    moved = [
        float(np.abs(recipe.degrade(np.random.default_rng(s), page, 10.0) - page).mean())
        for s in range(100)
    ]
    assert 8 <= sum(value < 0.025 for value in moved) <= 35
    assert sum(value > 0.1 for value in moved) >= 25
