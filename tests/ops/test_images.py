"""Scaling of pixels: one place does it."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
from conftest import ROOT

from aedenoise.data.batches import batch_of_rows, eval_batches
from aedenoise.ops.images import scale, scale_numpy

PIXELS = np.arange(256, dtype=np.uint8)
# They make pixels of files and tables of them, on the floor of `ops.images`.
_OTHERS = {"data/pictures.py", "data/statistics.py"}


def test_pixels_fill_the_range_on_device_and_host() -> None:
    for values in (np.asarray(jax.jit(scale)(jnp.asarray(PIXELS))), scale_numpy(PIXELS)):
        assert values.dtype == np.float32
        assert (values[0], values[-1]) == (0.0, 1.0)
        np.testing.assert_allclose(values, PIXELS / 255.0, rtol=2e-7)
    np.testing.assert_array_equal(scale_numpy(PIXELS), (PIXELS / 255.0).astype(np.float32))


def test_means_in_float64_are_rounded_once() -> None:
    means = np.random.default_rng(0).uniform(0.0, 255.0, 1000)
    np.testing.assert_array_equal(scale_numpy(means), (means / 255.0).astype(np.float32))


def test_nobody_else_divides_by_255() -> None:
    package = ROOT / "aedenoise"
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if re.search(r"/ (np\.float32\()?255", path.read_text(encoding="utf-8"))
    }
    # The configuration shows a level of 255 greys in units of the range.
    assert found <= {"ops/images.py", "config/noise.py", *_OTHERS}


def test_a_batch_of_rows_keeps_their_indices() -> None:
    images = np.arange(10, dtype=np.uint8)[:, None, None, None]
    batch = batch_of_rows(images, np.array([7, 2]))
    np.testing.assert_array_equal(batch.image.ravel(), [7, 2])
    np.testing.assert_array_equal(batch.index, [7, 2])
    assert batch.index.dtype == np.int32
    assert batch.mask.all()
    whole = next(eval_batches(images, 10))
    assert all(map(np.array_equal, whole, batch_of_rows(images, np.arange(10))))
