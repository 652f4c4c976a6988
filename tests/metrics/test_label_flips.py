"""Share of label flips among images that were classified correctly."""

from __future__ import annotations

import numpy as np

from aedenoise.metrics.label_flips import flip_share


def test_images_misread_before_are_not_judged() -> None:
    labels, before = np.array([3, 3, 5, 5, 7]), np.array([3, 3, 5, 5, 1])
    assert flip_share(labels, before, np.array([3, 8, 5, 5, 7])) == 0.25
    assert flip_share(labels, before, before) == 0.0
    assert flip_share(labels, labels + 1, labels) is None
