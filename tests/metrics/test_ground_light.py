"""The light on a page."""

from __future__ import annotations

import numpy as np

from aedenoise.metrics.ground_light import ground_light


def test_the_light_is_that_of_the_paper_between_the_lines() -> None:
    light = np.linspace(0.5, 0.9, 301)[None, :] * np.ones((83, 1))
    page = light.copy()
    page[::6, :] *= 0.1
    found = ground_light(page)
    assert found.shape == page.shape
    np.testing.assert_allclose(found, light, rtol=0.1)
