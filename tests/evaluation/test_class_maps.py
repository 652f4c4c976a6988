"""Maps of possible classes, on linear classifiers for which the answers are known."""

from __future__ import annotations

import flax.linen as nn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array

from aedenoise.evaluation.class_maps import find_other_class, map_classes
from aedenoise.evaluation.classifier import Trained, TrainedClassifier

# Found shares exceed the smallest by less than this factor.
PRECISION = 64.0 ** (1 / 32) * 1.001


class Linear(nn.Module):
    """Logits that are linear in the pixels."""

    classes: int

    @nn.compact
    def __call__(self, image: Array) -> Array:
        logits: Array = nn.Dense(self.classes, name="out")(image.reshape(len(image), -1))
        return logits


def linear(weights: np.ndarray, bias: np.ndarray) -> TrainedClassifier:
    """Makes a classifier with ``weights`` ``[pixels, classes]``."""
    params = {"out": {"kernel": weights.astype(np.float32), "bias": bias.astype(np.float32)}}
    names = tuple("abcdefgh"[: len(bias)])
    return TrainedClassifier(Linear(len(bias)), params, Trained(1, 1.0, 1, 1), names)


def box(image: np.ndarray, half_width: np.ndarray | float) -> tuple[np.ndarray, ...]:
    """Returns float32 images with the ends of their intervals."""
    ends = np.maximum(image - half_width, 0.0), np.minimum(image + half_width, 1.0)
    return tuple(each.astype(np.float32) for each in (image, *ends))


def test_a_map_by_hand() -> None:
    # Margins: m_b = 2 x_0 + x_1 - 1, m_c = 3 x_0 + x_1 - 1 + 0.5 (x_0 = 0.5, x_1 = 0.9).
    weights = np.array([[2.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
    reads = linear(weights, np.array([0.0, 1.0, 0.5]))
    image = np.array([0.5, 0.9]).reshape(1, 1, 2, 1)
    found = map_classes(reads, *box(image, np.array([0.1, 0.2]).reshape(1, 1, 2, 1)))
    # b: 0.9 / (0.2 + 0.2) = 2.25; c: 1.9 / (0.3 + 0.2) = 3.8.
    assert (found.shown.tolist(), found.rival.tolist()) == ([0], [1])
    np.testing.assert_allclose(found.change[0], [[0.2 / 0.9, 0.2 / 0.9]], rtol=1e-5)


def test_intervals_are_cut_at_black_and_white() -> None:
    # The margin 2 (x_0 - x_1) + 4 falls as x_0 falls, by 0.1 at most, and x_1 rises, by 0.2.
    reads = linear(np.array([[1.0, -1.0], [-1.0, 1.0]]), np.array([2.0, -2.0]))
    image = np.array([0.1, 0.8]).reshape(1, 1, 2, 1)
    found = map_classes(reads, *box(image, 0.3))
    np.testing.assert_allclose(found.change[0], [[0.2 / 2.6, 0.4 / 2.6]], rtol=1e-5)


def test_a_pixel_that_suffices_has_one() -> None:
    reads = linear(np.array([[1.0, 0.0], [0.1, 0.0]]), np.array([0.0, 0.4]))
    found = map_classes(reads, *box(np.full((1, 1, 2, 1), 0.5), 0.3))
    np.testing.assert_allclose(found.change[0], [[1.0, 0.03 / 0.15]], rtol=1e-5)


def test_channels_are_added() -> None:
    reads = linear(np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]), np.array([0.0, 0.0]))
    found = map_classes(reads, *box(np.full((1, 1, 1, 3), 0.5), 0.1))
    np.testing.assert_allclose(found.change, [[[0.6 / 3.0]]], rtol=1e-5)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_shares_of_linear_classifiers_are_exact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reads = linear(rng.normal(size=(12, 4)), rng.normal(size=4))
    image, low, high = box(rng.uniform(size=(5, 3, 4, 1)), rng.uniform(0.0, 0.4, (5, 3, 4, 1)))
    kernel, bias = (reads.params["out"][name].astype(np.float64) for name in ("kernel", "bias"))
    logits = image.reshape(5, -1) @ kernel + bias
    shown = logits.argmax(axis=1)
    gradient = kernel.T[shown][:, None] - kernel.T[None]  # [N, classes, pixels]
    ends = (image - low, image - high)
    drops = np.maximum(*(gradient * each.reshape(5, 1, -1) for each in ends)).sum(axis=-1)
    margins = logits[np.arange(5), shown][:, None] - logits
    margins[np.arange(5), shown] = np.inf
    exact = (margins / np.maximum(drops, 1e-12)).min(axis=1)
    maps, other = map_classes(reads, image, low, high), find_other_class(reads, image, low, high)
    assert maps.shown.tolist() == shown.tolist()
    for share, least, read, own in zip(other.share, exact, other.may_show, shown, strict=True):
        if np.isinf(share):
            # Only a class at the very end of the intervals may be missed.
            assert least > 0.99
            assert read == own
        else:
            assert max(least, 1.0 / 64.0) * 0.999 <= share <= max(least, 1.0 / 64.0) * PRECISION
            assert read != own


def test_without_width_nothing_else_is_read() -> None:
    rng = np.random.default_rng(0)
    reads = linear(rng.normal(size=(4, 3)), rng.normal(size=3))
    image = rng.uniform(size=(6, 2, 2, 1)).astype(np.float32)
    maps, other = map_classes(reads, image, image, image), find_other_class(reads, *[image] * 3)
    assert not maps.change.any()
    assert np.all(maps.rival != maps.shown)
    assert np.isinf(other.share).all()
    assert other.may_show.tolist() == maps.shown.tolist()


def test_a_tie_has_a_finite_map() -> None:
    reads = linear(np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros(2))
    arrays = box(np.full((1, 1, 2, 1), 0.5), 0.1)
    np.testing.assert_array_equal(map_classes(reads, *arrays).change, np.ones((1, 1, 2)))
    assert find_other_class(reads, *arrays).share[0] < PRECISION / 64.0


@pytest.mark.parametrize("count", [1, 100, 101])
def test_each_image_is_judged_alone(count: int) -> None:
    rng = np.random.default_rng(3)
    reads = linear(rng.normal(size=(4, 3)), rng.normal(size=3))
    arrays = box(rng.uniform(size=(count, 2, 2, 1)), 0.2)
    together = (*map_classes(reads, *arrays), *find_other_class(reads, *arrays))
    last = [each[-1:] for each in arrays]
    alone = (*map_classes(reads, *last), *find_other_class(reads, *last))
    for many, one in zip(together, alone, strict=True):
        assert len(many) == count
        np.testing.assert_allclose(many[-1:], one, rtol=1e-5)
