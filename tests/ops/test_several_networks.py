"""Kernels under vmap and over several devices: the results of one call per network and device."""

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

KERNELS = native.load()
pytestmark = pytest.mark.skipif(KERNELS.problem is not None, reason=str(KERNELS.problem))

NETWORKS = 3
OPERATIONS: dict[str, Callable[..., jax.Array]] = {
    "conv": partial(ops.conv, relu=True),
    "conv_stride": partial(ops.conv, stride=2),
    "conv_pool_relu": partial(ops.conv_pool_relu, window=2),
    "conv_transpose": partial(ops.conv_transpose, stride=2, relu=True),
    "upsample_conv": partial(ops.upsample_conv, factor=2),
    "bilinear": partial(ops.upsample_conv, factor=2, method="bilinear"),
}
by_operation = pytest.mark.parametrize("name", OPERATIONS)


# Few channels are convolved by phases, many by minimal filtering algorithms.
by_channels = pytest.mark.parametrize("channels", [3, 17])


def operands(
    *, networks: tuple[int, ...] = (NETWORKS,), channels: int = 3, outputs: int = 0
) -> list[jax.Array]:
    outputs = outputs or channels + 2
    keys = jax.random.split(jax.random.key(7), 3)
    shapes = [(4, 4, 6, channels), (3, 3, channels, outputs), (outputs,)]
    return [
        jax.random.normal(key, (*networks, *shape)) for key, shape in zip(keys, shapes, strict=True)
    ]


def value_and_gradients(name: str) -> Callable[..., tuple[jax.Array, ...]]:
    def loss(*arrays: jax.Array) -> tuple[jax.Array, jax.Array]:
        y = OPERATIONS[name](*arrays, lowering="auto")
        return jnp.sum(y * jnp.cos(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape)), y

    def both(*arrays: jax.Array) -> tuple[jax.Array, ...]:
        (_, y), gradients = jax.value_and_grad(loss, (0, 1, 2), has_aux=True)(*arrays)
        return (y, *gradients)

    return both


@by_operation
@by_channels
@pytest.mark.parametrize("axes", [(0, 0, 0), (0, None, None), (None, 0, None), (None, None, 0)])
def test_networks_trained_together_have_the_bits_of_each_alone(
    name: str, channels: int, axes: tuple[int | None, ...]
) -> None:
    whole = operands(channels=channels)
    arrays = [array if axis == 0 else array[0] for array, axis in zip(whole, axes, strict=True)]
    together = jax.vmap(value_and_gradients(name), axes)(*arrays)
    for network in range(NETWORKS):
        own = [
            array if axis is None else array[network]
            for array, axis in zip(arrays, axes, strict=True)
        ]
        alone = value_and_gradients(name)(*own)
        for ours, expected in zip(together, alone, strict=True):
            np.testing.assert_array_equal(ours[network], expected)


@by_operation
@by_channels
def test_nested_vmaps_are_a_longer_one(name: str, channels: int) -> None:
    arrays = operands(networks=(2, NETWORKS), channels=channels)
    function = value_and_gradients(name)
    nested = jax.vmap(jax.vmap(function))(*arrays)
    flat = jax.vmap(function)(*(x.reshape(-1, *x.shape[2:]) for x in arrays))
    for ours, expected in zip(nested, flat, strict=True):
        np.testing.assert_array_equal(ours.reshape(expected.shape), expected)


def test_networks_are_shared_by_an_outer_vmap() -> None:
    x, kernel, bias = operands(networks=(2, NETWORKS))
    function = value_and_gradients("conv")
    inner = jax.vmap(function)
    together = jax.vmap(inner, (0, None, None))(x, kernel[0], bias[0])
    for part in range(2):
        for ours, expected in zip(together, inner(x[part], kernel[0], bias[0]), strict=True):
            np.testing.assert_array_equal(ours[part], expected)


@by_operation
@pytest.mark.parametrize(("channels", "outputs"), [(3, 1), (3, 5), (17, 16)])
def test_shards_on_several_devices_have_the_values_of_the_whole(
    name: str, channels: int, outputs: int
) -> None:
    arrays = operands(networks=(), channels=channels, outputs=outputs)
    mesh = Mesh(np.array(jax.devices()[:4]), ("data",))

    def loss(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
        return jnp.sum(jnp.square(OPERATIONS[name](x, kernel, bias, lowering="auto")))

    def on_shards(*arrays: jax.Array) -> tuple[jax.Array, ...]:
        x, *weights = jax.grad(loss, (0, 1, 2))(*arrays)
        return (x, *jax.lax.psum(weights, "data"))

    rows = P("data")
    sharded = jax.jit(
        jax.shard_map(
            on_shards,
            mesh=mesh,
            in_specs=(rows, P(), P()),
            out_specs=(rows, P(), P()),
            check_vma=False,
        )
    )
    for ours, expected in zip(sharded(*arrays), jax.grad(loss, (0, 1, 2))(*arrays), strict=True):
        scale = float(jnp.max(jnp.abs(expected)))
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6 * scale)
