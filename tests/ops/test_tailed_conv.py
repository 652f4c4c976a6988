"""A transposed convolution and the narrow one after it, against XLA's, in one kernel or in two."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from aedenoise import ops
from aedenoise.ops import native
from aedenoise.ops.tailed_conv import fits, tailed_conv

KERNELS = native.load()
needs_kernels = pytest.mark.skipif(KERNELS.problem is not None, reason=str(KERNELS.problem))

Arrays = tuple[jax.Array, ...]
# batch, height, width, channels, channels between, outputs, height and width of the second kernel:
# images smaller than a tile, channels below, at and above every vector's width, even kernels, more
# images than are worked on at once.
SHAPES = [
    (1, 1, 1, 1, 2, 1, 3, 3),
    (2, 1, 4, 3, 20, 3, 3, 3),
    (3, 5, 3, 17, 16, 2, 5, 1),
    (2, 8, 6, 32, 33, 1, 2, 4),
    (40, 3, 2, 5, 6, 1, 3, 3),
    (3, 7, 7, 32, 32, 7, 3, 3),
]


def operands(shape: tuple[int, ...], networks: tuple[int, ...] = ()) -> Arrays:
    batch, height, width, channels, between, outputs, rows, columns = shape
    shapes = [
        (batch, height, width, channels),
        (3, 3, channels, between),
        (between,),
        (rows, columns, between, outputs),
        (outputs,),
    ]
    keys = jax.random.split(jax.random.key(sum(shape)), len(shapes))
    return tuple(
        jax.random.normal(key, (*networks, *one)) for key, one in zip(keys, shapes, strict=True)
    )


def value_and_gradients(operation: Callable[..., jax.Array]) -> Callable[..., Arrays]:
    def both(*arrays: jax.Array) -> Arrays:
        y, pull = jax.vjp(operation, *arrays)
        return (y, *pull(jnp.cos(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape)))

    return jax.jit(both)


def assert_close(found: Arrays, expected: Arrays) -> None:
    """Compares up to float32 rounding of their sums."""
    for ours, theirs in zip(found, expected, strict=True):
        scale = max(1.0, float(jnp.max(jnp.abs(theirs))))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * scale)


plain = partial(ops.conv_transpose_conv, stride=2, lowering="plain")


@needs_kernels
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients(shape: tuple[int, ...]) -> None:
    arrays = operands(shape)
    assert_close(value_and_gradients(tailed_conv)(*arrays), value_and_gradients(plain)(*arrays))
    # Without a gradient, nothing is kept.
    np.testing.assert_array_equal(
        jax.jit(tailed_conv)(*arrays), value_and_gradients(tailed_conv)(*arrays)[0]
    )


@needs_kernels
@pytest.mark.parametrize("shape", [SHAPES[2], SHAPES[5]], ids=str)
@pytest.mark.parametrize("axes", [(0, 0, 0, 0, 0), (0, None, None, None, None), (None, 0, 0, 0, 0)])
def test_networks_trained_together_have_the_bits_of_each_alone(
    shape: tuple[int, ...], axes: tuple[int | None, ...]
) -> None:
    whole = operands(shape, networks=(3,))
    arrays = [array if axis == 0 else array[0] for array, axis in zip(whole, axes, strict=True)]
    function = value_and_gradients(tailed_conv)
    together = jax.vmap(function, axes)(*arrays)
    for network in range(3):
        own = [
            array if axis is None else array[network]
            for array, axis in zip(arrays, axes, strict=True)
        ]
        for ours, expected in zip(together, function(*own), strict=True):
            np.testing.assert_array_equal(ours[network], expected)


@needs_kernels
def test_shards_on_several_devices_have_the_values_of_the_whole() -> None:
    arrays = operands((4, 4, 6, 17, 16, 1, 3, 3))
    mesh = Mesh(np.array(jax.devices()[:4]), ("data",))

    def loss(*arrays: jax.Array) -> jax.Array:
        return jnp.sum(jnp.square(tailed_conv(*arrays)))

    gradients = jax.grad(loss, tuple(range(len(arrays))))

    def on_shards(*arrays: jax.Array) -> Arrays:
        x, *weights = gradients(*arrays)
        return (x, *jax.lax.psum(weights, "data"))

    specs = (P("data"), *(4 * (P(),)))
    sharded = jax.shard_map(on_shards, mesh=mesh, in_specs=specs, out_specs=specs, check_vma=False)
    assert_close(jax.jit(sharded)(*arrays), gradients(*arrays))


@needs_kernels
def test_runs_repeat_bit_for_bit() -> None:
    arrays = operands((33, 14, 14, 32, 32, 1, 3, 3))
    function = value_and_gradients(tailed_conv)
    for first, second in zip(function(*arrays), function(*arrays), strict=True):
        np.testing.assert_array_equal(first, second)


@needs_kernels
@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "together"),
    [
        ((2, 14, 14, 32, 32, 1, 3, 3), 3, 2, True),
        ((2, 14, 14, 32, 32, 3, 3, 3), 3, 2, True),
        ((2, 14, 14, 32, 32, 16, 3, 3), 3, 2, False),  # a wide tail
        ((2, 14, 14, 32, 32, 1, 3, 3), 5, 2, False),
        ((2, 14, 14, 32, 32, 1, 3, 3), 3, 3, False),
        ((2, 7, 7, 32, 32, 1, 3, 3), 3, 2, False),  # tiles reach over the border
    ],
)
def test_one_kernel_serves_where_it_fits_and_two_elsewhere(
    shape: tuple[int, ...], kernel: int, stride: int, together: bool
) -> None:
    x, first, *rest = operands(shape)
    first = jnp.resize(first, (kernel, kernel, *first.shape[2:]))
    operation = partial(ops.conv_transpose_conv, stride=stride)
    auto = value_and_gradients(partial(operation, lowering="auto"))
    assert_close(
        auto(x, first, *rest),
        value_and_gradients(partial(operation, lowering="plain"))(x, first, *rest),
    )
    assert (native.build.TAILED_FORWARD in auto.lower(x, first, *rest).as_text()) is together


def test_a_tail_has_fewer_channels_than_it_reads() -> None:
    assert fits(jnp.zeros((3, 3, 8, 8)), jnp.zeros((3, 3, 8, 7)))
    assert not fits(jnp.zeros((3, 3, 8, 8)), jnp.zeros((3, 3, 8, 8)))
    assert not fits(jnp.zeros((3, 3, 3, 3)), jnp.zeros((3, 3, 3, 3)))
