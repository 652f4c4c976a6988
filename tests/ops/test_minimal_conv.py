"""Minimal filtering algorithms against XLA's convolutions, whether they pay or not."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aedenoise import ops
from aedenoise.ops import minimal_conv, native
from aedenoise.ops.interpolation import resampling
from aedenoise.ops.minimal_conv import Form, MinimalConv

KERNELS = native.load()
needs_kernels = pytest.mark.skipif(KERNELS.problem is not None, reason=str(KERNELS.problem))

Convolution = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]

FORMS = {
    "convolution": minimal_conv.CONVOLUTION,
    "upsampling": minimal_conv.UPSAMPLING,
    "transposed": minimal_conv.TRANSPOSED,
}
# batch, height, width, channels, outputs: images smaller than a tile, tiles that reach over the
# border, channels below, at and above every vector's width, more images than are worked on at once.
SHAPES = [
    (1, 1, 1, 1, 1),
    (2, 1, 4, 3, 20),
    (3, 5, 3, 17, 2),
    (2, 8, 6, 32, 33),
    (40, 3, 2, 5, 6),
    (2, 19, 18, 4, 5),
]
by_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def operands(shape: tuple[int, ...]) -> tuple[jax.Array, jax.Array, jax.Array]:
    batch, height, width, channels, outputs = shape
    keys = jax.random.split(jax.random.key(sum(shape)), 3)
    return (
        jax.random.normal(keys[0], (batch, height, width, channels)),
        jax.random.normal(keys[1], (3, 3, channels, outputs)),
        jax.random.normal(keys[2], (outputs,)),
    )


def plain(name: str, *, relu: bool) -> Convolution:
    operation: dict[str, Convolution] = {
        "convolution": lambda *a: ops.conv(*a, relu=relu, lowering="plain"),
        "upsampling": lambda *a: ops.upsample_conv(*a, factor=2, relu=relu, lowering="plain"),
        "transposed": lambda *a: ops.conv_transpose(*a, stride=2, relu=relu, lowering="plain"),
    }
    return operation[name]


def assert_same(ours: Convolution, theirs: Convolution, *arrays: jax.Array) -> None:
    """Compares values and gradients up to float32 rounding of their sums."""

    @jax.jit
    def both(*arrays: jax.Array) -> list[tuple[jax.Array, ...]]:
        found = []
        for operation in (ours, theirs):
            y, pull = jax.vjp(operation, *arrays)
            seen = jnp.cos(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape)
            found.append((y, *pull(seen)))
        return found

    for found, expected in zip(*both(*arrays), strict=True):
        scale = max(1.0, float(jnp.max(jnp.abs(expected))))
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * scale)


@needs_kernels
@by_shape
@pytest.mark.parametrize("name", FORMS)
def test_values_and_gradients(name: str, shape: tuple[int, ...]) -> None:
    factor = 1 if name == "convolution" else 2
    size, relu = (shape[1] * factor, shape[2] * factor), shape[0] > 2
    plan = MinimalConv(FORMS[name], size, relu)
    assert_same(
        lambda *a: minimal_conv.minimal_conv(plan, *a), plain(name, relu=relu), *operands(shape)
    )


@needs_kernels
@by_shape
@pytest.mark.parametrize("window", [2, 3])
def test_with_max_pooling(shape: tuple[int, ...], window: int) -> None:
    batch, height, width, *channels = shape
    size = (height * window, width * window)
    plan = MinimalConv(minimal_conv.CONVOLUTION, size, relu=True, window=window)
    assert_same(
        lambda *a: minimal_conv.minimal_conv(plan, *a),
        lambda *a: ops.conv_pool_relu(*a, window=window, lowering="plain"),
        *operands((batch, *size, *channels)),
    )


@needs_kernels
@by_shape
@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_after_interpolation(shape: tuple[int, ...], method: str) -> None:
    size = (shape[1] * 3, shape[2] * 3)
    enlargement = resampling((shape[1], shape[2]), 3, method)
    plan = MinimalConv(minimal_conv.CONVOLUTION, size, resampling=enlargement)
    assert_same(
        lambda *a: minimal_conv.minimal_conv(plan, *a),
        lambda *a: ops.upsample_conv(*a, factor=3, method=method, lowering="plain"),
        *operands(shape),
    )


@needs_kernels
@pytest.mark.parametrize("name", FORMS)
def test_errors_are_those_of_rounding(name: str) -> None:
    """Errors against float64 stay within three times those of XLA's own float32 convolution."""
    x, kernel, bias = operands((8, 14, 14, 64, 32))
    factor = 1 if name == "convolution" else 2
    plan = MinimalConv(FORMS[name], (14 * factor, 14 * factor))
    with jax.enable_x64():
        wide = [jnp.asarray(np.asarray(array, np.float64)) for array in (x, kernel, bias)]
        exact = np.asarray(plain(name, relu=False)(*wide))
    ours = np.asarray(minimal_conv.minimal_conv(plan, x, kernel, bias)) - exact
    theirs = np.asarray(plain(name, relu=False)(x, kernel, bias)) - exact
    assert np.sqrt(np.mean(ours**2)) < 3 * np.sqrt(np.mean(theirs**2))


@pytest.mark.parametrize(
    ("form", "shape", "size", "expected"),
    [
        (minimal_conv.CONVOLUTION, (3, 3, 32, 32), (14, 14), True),
        (minimal_conv.CONVOLUTION, (3, 3, 1, 32), (28, 28), False),
        (minimal_conv.CONVOLUTION, (5, 5, 32, 32), (14, 14), False),
        (minimal_conv.TRANSPOSED, (3, 3, 32, 32), (28, 28), True),
        (minimal_conv.TRANSPOSED, (3, 3, 32, 32), (14, 14), False),  # 7 pixels: tiles reach over
        (minimal_conv.UPSAMPLING, (3, 3, 32, 32), (14, 14), True),
    ],
)
def test_they_serve_where_they_pay(
    form: Form, shape: tuple[int, ...], size: tuple[int, int], expected: bool
) -> None:
    assert minimal_conv.pays(form, jnp.zeros(shape), size) is expected
