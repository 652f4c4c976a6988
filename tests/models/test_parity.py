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
from aedenoise.config import ModelConfig
from aedenoise.models import build_autoencoder

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


def network(decoder: str, skip: str) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """Returns a residual network with two convolutions a stage, parameters, images, its output."""
    config = ModelConfig(
        encoder_features=(3, 5),
        decoder_features=(5, 3),
        decoder=decoder,
        skip=skip,
        convs=2,
        residual=True,
    )
    model = build_autoencoder(config, 1)
    images = image(2, 12, 8, 1)
    variables = jax.tree.map(
        lambda leaf: jnp.asarray(image(*leaf.shape) / 5.0), model.init(jax.random.key(0), images)
    )
    code: Any = model.apply(variables, images, method="encode")
    estimate = model.bind(variables).decoder(code)
    return model, variables["params"], images, np.asarray(estimate)


@pytest.mark.parametrize("skip", ["add", "concat"])
@pytest.mark.parametrize("decoder", ["upsample", "transpose"])
def test_networks_with_skip_connections_are_those_of_pytorch(
    torch: Any, decoder: str, skip: str
) -> None:
    _, params, images, ours = network(decoder, skip)
    functional = torch.nn.functional

    def conv(x: Any, layer: Any) -> Any:
        kernel = torch.from_numpy(np.array(np.transpose(layer["kernel"], (3, 2, 0, 1))))
        return functional.conv2d(x, kernel, torch.from_numpy(np.array(layer["bias"])), padding=1)

    def enlarge(x: Any, layer: Any) -> Any:
        if decoder == "upsample":
            return functional.interpolate(conv(x, layer).relu(), scale_factor=2, mode="nearest")
        turned = np.transpose(layer["kernel"][::-1, ::-1], (2, 3, 0, 1))
        kernel = torch.from_numpy(np.array(turned))
        bias = torch.from_numpy(np.array(layer["bias"]))
        # SAME cuts the row and the column that reach beyond twice the input.
        whole = functional.conv_transpose2d(x, kernel, bias, stride=2)
        return whole[:, :, :-1, :-1].relu()

    encoder, own = params["encoder"], params["decoder"]
    x, kept = to_nchw(torch, images), []
    for stage in range(2):
        x = conv(x, encoder[f"conv{stage}"]).relu()
        x = conv(x, encoder[f"conv{stage}_1"]).relu()
        kept.append(x)
        x = functional.max_pool2d(x, 2)
    for stage in range(2):
        name = f"conv{stage}" if decoder == "upsample" else f"conv_transpose{stage}"
        x = enlarge(x, own[name])
        x = x + kept.pop() if skip == "add" else torch.cat([x, kept.pop()], dim=1)
        x = conv(x, own[f"conv{stage}_1"]).relu()
    np.testing.assert_allclose(ours, from_nchw(conv(x, own["output"])), atol=ATOL)


@pytest.mark.parametrize("skip", ["add", "concat"])
@pytest.mark.parametrize("decoder", ["upsample", "transpose"])
def test_networks_with_skip_connections_are_those_of_keras(
    keras: Any, decoder: str, skip: str
) -> None:
    _, params, images, ours = network(decoder, skip)
    layers = keras.layers

    def apply(layer: Any, x: Any, weights: list[Any]) -> Any:
        layer.build(x.shape)
        layer.set_weights([np.asarray(each) for each in weights])
        return layer(x)

    def conv(x: Any, of: Any, activation: str | None = "relu") -> Any:
        layer = layers.Conv2D(of["bias"].size, 3, padding="same", activation=activation)
        return apply(layer, x, [of["kernel"], of["bias"]])

    def enlarge(x: Any, of: Any) -> Any:
        if decoder == "upsample":
            return layers.UpSampling2D(2)(conv(x, of))
        turned = np.transpose(of["kernel"][::-1, ::-1], (0, 1, 3, 2))
        layer = layers.Conv2DTranspose(
            of["bias"].size, 3, strides=2, padding="same", activation="relu"
        )
        return apply(layer, x, [turned, of["bias"]])

    encoder, own = params["encoder"], params["decoder"]
    x, kept = images, []
    for stage in range(2):
        x = conv(conv(x, encoder[f"conv{stage}"]), encoder[f"conv{stage}_1"])
        kept.append(x)
        x = layers.MaxPooling2D(2)(x)
    for stage in range(2):
        name = f"conv{stage}" if decoder == "upsample" else f"conv_transpose{stage}"
        joining = layers.Add() if skip == "add" else layers.Concatenate()
        x = conv(joining([enlarge(x, own[name]), kept.pop()]), own[f"conv{stage}_1"])
    np.testing.assert_allclose(ours, np.asarray(conv(x, own["output"], None)), atol=ATOL)
