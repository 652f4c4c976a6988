"""The classifier in closed form: accurate on simple images, the same each time, or absent."""

from __future__ import annotations

import numpy as np

from aedenoise.data.reading import Dataset, Split
from aedenoise.evaluation.random_features import fit_quick_classifier
from aedenoise.ops.images import scale_numpy


def bars(labels: np.ndarray, side: int = 12) -> np.ndarray:
    """Makes an image per label: a bright row at three times its class, on noise."""
    random = np.random.default_rng(int(labels.sum()))
    images = random.integers(0, 120, (len(labels), side, side, 1), np.uint8)
    images[np.arange(len(labels)), 3 * (labels // 10)] = 200
    return images


def dataset(train: np.ndarray, test: np.ndarray, side: int = 12) -> Dataset:
    splits = (Split(bars(labels, side), labels) for labels in (train, test))
    return Dataset("bars", *splits, (), "digest", {})


# Labels need not count from 0.
TRAIN, TEST = np.tile([0, 10, 30], 100), np.tile([30, 0, 10], 20)


def test_it_reads_images_that_it_has_not_seen_and_is_the_same_each_time() -> None:
    data = dataset(TRAIN, TEST)
    first, second = fit_quick_classifier(data), fit_quick_classifier(data)
    assert first is not None
    assert second is not None
    found = first.classify(scale_numpy(np.asarray(data.test.images)))
    assert np.mean(found == TEST) > 0.95
    np.testing.assert_array_equal(first.weights, second.weights)
    # Of images without anything to read, few can be right.
    assert np.mean(first.classify(np.zeros((60, 12, 12, 1), np.float32)) == TEST) < 0.5


def test_one_class_and_large_images_have_none() -> None:
    assert fit_quick_classifier(dataset(np.zeros(20, int), np.zeros(5, int))) is None
    assert fit_quick_classifier(dataset(TRAIN[:12], TEST[:3], side=120)) is None
