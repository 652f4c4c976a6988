"""Layers compared with those of Keras and PyTorch on the same weights, where installed.

``test_models.py`` compares the same layers with integers worked out by hand.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aedenoise import ops

ATOL = 1e-5
WORDS = np.random.default_rng(0)
os.environ.setdefault("KERAS_BACKEND", "jax")


def image(*shape: int) -> np.ndarray:
    return WORDS.standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture(scope="module")
def keras() -> Any:
    return pytest.importorskip("keras", reason="Keras is not installed")


def to_nchw(torch: Any, x: np.ndarray) -> Any:
    return torch.from_numpy(np.ascontiguousarray(np.transpose(x, (0, 3, 1, 2))))


def from_nchw(y: Any) -> np.ndarray:
    return np.transpose(y.detach().numpy(), (0, 2, 3, 1))


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_upsampling_is_that_of_pytorch_and_keras(
    torch: Any, keras: Any, factor: int, method: str
) -> None:
    x = image(2, 5, 7, 3)
    ours = ops.upsample(jnp.asarray(x), factor, method)
    options = {"align_corners": False} if method == "bilinear" else {}
    theirs = torch.nn.Upsample(scale_factor=factor, mode=method, **options)(to_nchw(torch, x))
    np.testing.assert_allclose(ours, from_nchw(theirs), atol=ATOL)
    of_keras = keras.layers.UpSampling2D(factor, interpolation=method)(x)
    np.testing.assert_allclose(ours, np.asarray(of_keras), atol=ATOL)


@pytest.mark.parametrize("lowering", ["plain", "auto"])
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (4, 2), (5, 2), (6, 2), (3, 3)])
def test_transposed_convolution_is_that_of_pytorch(
    torch: Any, kernel: int, stride: int, lowering: str
) -> None:
    """Converts to Flax's ``transpose_kernel`` layout: flipped, inputs and outputs exchanged."""
    x, weights, bias = image(2, 5, 6, 4), image(kernel, kernel, 4, 3), image(3)
    ours = ops.conv_transpose(x, jnp.asarray(weights), bias, stride=stride, lowering=lowering)
    layer = torch.nn.ConvTranspose2d(4, 3, kernel, stride)
    turned = np.transpose(weights[::-1, ::-1], (2, 3, 0, 1))  # [C, O, k, k]
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(turned)))
        layer.bias.copy_(torch.from_numpy(bias))
    whole = from_nchw(layer(to_nchw(torch, x)))
    # PyTorch keeps what reaches beyond stride times the input; SAME cuts it at both ends.
    before = max(kernel - stride, 0) // 2
    height, width = 5 * stride, 6 * stride
    cut = whole[:, before : before + height, before : before + width]
    np.testing.assert_allclose(ours, cut, atol=ATOL)
    valid = partial(ops.conv_transpose, stride=stride, padding="VALID", lowering=lowering)
    np.testing.assert_allclose(valid(x, jnp.asarray(weights), bias), whole, atol=ATOL)


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (4, 2), (5, 2), (6, 2), (3, 3)])
def test_transposed_convolution_is_that_of_keras(keras: Any, kernel: int, stride: int) -> None:
    x, weights, bias = image(2, 5, 6, 4), image(kernel, kernel, 4, 3), image(3)
    layer = keras.layers.Conv2DTranspose(3, kernel, strides=stride, padding="same")
    layer.build(x.shape)
    layer.set_weights([np.transpose(weights[::-1, ::-1], (0, 1, 3, 2)), bias])
    ours = ops.conv_transpose(x, jnp.asarray(weights), bias, stride=stride, lowering="plain")
    np.testing.assert_allclose(ours, np.asarray(layer(x)), atol=ATOL)


@pytest.mark.parametrize("factor", [2, 3])
def test_pixel_shuffle_is_that_of_pytorch(torch: Any, factor: int) -> None:
    x = image(2, 4, 5, 3 * factor**2)
    theirs = from_nchw(torch.nn.PixelShuffle(factor)(to_nchw(torch, x)))
    order = np.arange(x.shape[-1]).reshape(3, factor**2).T.ravel()  # theirs has channels in front
    np.testing.assert_array_equal(ops.depth_to_space(jnp.asarray(x[..., order]), factor), theirs)


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (5, 6)])
def test_max_unpooling_is_that_of_pytorch(torch: Any, size: tuple[int, int]) -> None:
    x = image(2, *size, 3)
    pooled, places = ops.max_pool_argmax(jnp.asarray(x), 2)
    theirs, indices = torch.nn.MaxPool2d(2, return_indices=True)(to_nchw(torch, x))
    np.testing.assert_array_equal(pooled, from_nchw(theirs))
    back = torch.nn.MaxUnpool2d(2)(theirs, indices, output_size=size)
    np.testing.assert_array_equal(ops.max_unpool(pooled, places, 2), from_nchw(back))
    gradient = jax.grad(lambda v: jnp.sum(jnp.sin(ops.max_unpool(v, places, 2))))(pooled)
    np.testing.assert_allclose(gradient, np.cos(pooled), atol=ATOL)
