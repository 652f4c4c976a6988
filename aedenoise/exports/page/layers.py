"""Networks as lists of layers, each an operation that the page computes.

Operations and their options, on one image ``[H, W, C]``:

- ``conv``: ``SAME`` convolution of ``stride``; ``upsample_conv`` and ``unpool_conv``: nearest
  upsampling or unpooling by ``factor``, and a convolution; ``conv_transpose``: transposed
  convolution of ``stride`` and ``padding``. All have a kernel ``[k, k, C, O]`` and a bias.
- ``dense``: flattens, then ``x @ kernel + bias``; ``reshape`` to ``shape``.
- ``relu``, ``sigmoid``; ``level``: appends the noise level as a channel.
- ``max_pool`` over ``window``, without incomplete blocks; with ``keep`` its argmax indices go to
  the next ``max_unpool``, the last kept first.
- ``resize`` by ``factor`` and ``method``; ``sum_channels`` in groups of ``group``;
  ``depth_to_space`` by ``factor``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aedenoise.config import ORDERS, ModelConfig
from aedenoise.errors import UsageError

Option = int | str | bool | tuple[int, ...]
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Layer:
    """An operation of the page.

    Attributes:
      op: name of the operation.
      options: its options.
      kernel, bias: float32 parameters, or None.
    """

    op: str
    options: Mapping[str, Option] = field(default_factory=dict)
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None


Layers = Iterator[Layer]
_RELU, _SIGMOID = Layer("relu"), Layer("sigmoid")


def list_layers(
    model: ModelConfig, params: Mapping[str, Any], shape: Shape
) -> tuple[tuple[Layer, ...], int]:
    """Lists the layers of a network, from the noisy to the denoised image.

    Args:
      model: configuration of the network.
      params: its parameters.
      shape: shape ``[H, W, C]`` of its training images.

    Returns:
      The layers, and the number of those that make the code.

    Raises:
      UsageError: if the page has no operations for this network.
    """
    if model.network not in _NETWORKS:
        raise UsageError(f"a page that denoises needs a denoiser, not model {model.network}")
    encode, decode = _NETWORKS[model.network]
    encoder = list(encode(model, params))
    return (*encoder, *decode(model, params, shape), _SIGMOID), len(encoder)


def _weighted(op: str, params: Mapping[str, Any], **options: Option) -> Layer:
    """Returns a layer with the kernel and the bias of a linen module."""
    kernel, bias = (np.asarray(params[name], np.float32) for name in ("kernel", "bias"))
    return Layer(op, options, kernel, bias)


def _stages(model: ModelConfig, params: Mapping[str, Any]) -> Layers:
    """Yields the layers of ``models.encoders.Encoder``."""
    if model.condition == "noise_level":
        yield Layer("level")
    for stage in range(model.stages):
        yield _weighted("conv", params["encoder"][f"conv{stage}"], stride=1)
        yield Layer("max_pool", {"window": model.stride, "keep": model.decoder_spec.needs_argmax})
        yield _RELU


def _decoder(model: ModelConfig, params: Mapping[str, Any], shape: Shape) -> Layers:
    """Yields the layers of the module that ``models.decoders.DECODERS`` has for ``model``."""
    del shape
    own, spec, count = params["decoder"], model.decoder_spec, len(model.decoder_features)
    stage_of = _STAGES.get(model.decoder, _enlarge)
    first_plain = spec.takes_order and model.order == ORDERS[0]
    for stage in range(count):
        last = not model.tail and stage == count - 1
        # Modules name the convolution that makes the image ``output``, and number the others.
        name = "output" if last and (spec.takes_order or spec.sums_channels) else f"conv{stage}"
        if first_plain and stage == 0:
            yield _weighted("conv", own[name], stride=1)
            yield _RELU
        else:
            yield from stage_of(model, own, name, stage, last)
    if first_plain:
        yield from _enlarge_conv(model, own["output"])
    elif model.tail:
        yield _weighted("conv", own["output"], stride=1)


def _enlarge(
    model: ModelConfig, own: Mapping[str, Any], name: str, stage: int, last: bool
) -> Layers:
    """Yields a stage that enlarges by a fixed rule, then convolves."""
    del stage
    yield from _enlarge_conv(model, own[name])
    if not last:
        yield _RELU


def _enlarge_conv(model: ModelConfig, params: Mapping[str, Any]) -> Layers:
    factor = model.stride
    match model.decoder:
        case "upsample":
            yield _weighted("upsample_conv", params, factor=factor)
        case "unpool":
            yield _weighted("unpool_conv", params, factor=factor)
        case "bilinear_additive":
            yield Layer("sum_channels", {"group": factor**2})
            yield Layer("resize", {"factor": factor, "method": "bilinear"})
            yield _weighted("conv", params, stride=1)
        case "bilinear" | "bicubic":
            yield Layer("resize", {"factor": factor, "method": model.decoder})
            yield _weighted("conv", params, stride=1)
        case _:
            raise UsageError(f"the page has no decoder {model.decoder}; choose another format")


def _transpose(
    model: ModelConfig, own: Mapping[str, Any], name: str, stage: int, last: bool
) -> Layers:
    del name
    layer = own[f"conv_transpose{stage}"]
    yield _weighted("conv_transpose", layer, stride=model.stride, padding="SAME")
    if not last:
        yield _RELU


def _subpixel(
    model: ModelConfig, own: Mapping[str, Any], name: str, stage: int, last: bool
) -> Layers:
    del stage
    yield _weighted("conv", own[name], stride=1)
    if not last:
        yield _RELU
    yield Layer("depth_to_space", {"factor": model.stride})


def _max_unpool(
    model: ModelConfig, own: Mapping[str, Any], name: str, stage: int, last: bool
) -> Layers:
    del stage, last
    yield _weighted("conv", own[name], stride=1)
    yield _RELU
    yield Layer("max_unpool", {"window": model.stride})


_STAGES = {"transpose": _transpose, "subpixel": _subpixel, "max_unpool": _max_unpool}


def _dense_encoder(model: ModelConfig, params: Mapping[str, Any]) -> Layers:
    for number in range(len(model.widths)):
        yield _weighted("dense", params["encoder"][f"layers_{number}"])
        yield Layer(model.activation)


def _dense_decoder(model: ModelConfig, params: Mapping[str, Any], shape: Shape) -> Layers:
    for number in reversed(range(len(model.widths))):
        if model.tied:
            kernel = np.asarray(params["encoder"][f"layers_{number}"]["kernel"], np.float32).T
            bias = np.asarray(params["decoder"][f"bias_{number}"], np.float32)
            yield Layer("dense", {}, np.ascontiguousarray(kernel), bias)
        else:
            yield _weighted("dense", params["decoder"][f"layers_{number}"])
        if number:
            yield Layer(model.activation)
    yield Layer("reshape", {"shape": shape})


def _keras_encoder(model: ModelConfig, params: Mapping[str, Any]) -> Layers:
    del model
    own = params["encoder"]
    for name in ("conv0", "conv1"):
        yield _weighted("conv", own[name], stride=2)
        yield _RELU
    yield _weighted("dense", own["code"])


def _keras_decoder(model: ModelConfig, params: Mapping[str, Any], shape: Shape) -> Layers:
    del model
    own = params["decoder"]
    dense = _weighted("dense", own["dense"])
    yield dense
    side, width = shape[0] // 4, len(np.asarray(own["dense"]["bias"]))
    yield Layer("reshape", {"shape": (side, side, width // side**2)})
    for name in ("conv_transpose0", "conv_transpose1"):
        yield _weighted("conv_transpose", own[name], stride=2, padding="SAME")
        yield _RELU
    yield _weighted("conv", own["output"], stride=1)


def _net_sure_encoder(model: ModelConfig, params: Mapping[str, Any]) -> Layers:
    del model
    for name in ("conv0", "conv1"):
        yield _weighted("conv", params["encoder"][name], stride=2)
        yield _SIGMOID


def _net_sure_decoder(model: ModelConfig, params: Mapping[str, Any], shape: Shape) -> Layers:
    del model, shape
    own = params["decoder"]
    yield _weighted("conv_transpose", own["conv_transpose0"], stride=2, padding="SAME")
    yield _SIGMOID
    yield _weighted("conv_transpose", own["conv_transpose1"], stride=2, padding="SAME")


def _udacity_encoder(model: ModelConfig, params: Mapping[str, Any]) -> Layers:
    del model
    for stage in range(3):
        yield _weighted("conv", params["encoder"][f"conv{stage}"], stride=1)
        yield _RELU
        yield Layer("max_pool", {"window": 2, "keep": False})


def _udacity_decoder(model: ModelConfig, params: Mapping[str, Any], shape: Shape) -> Layers:
    del model, shape
    own = params["decoder"]
    for stage in range(3):
        yield _weighted("conv_transpose", own[f"conv_transpose{stage}"], stride=2, padding="VALID")
        yield _RELU
    yield _weighted("conv", own["output"], stride=1)


_Encoder = Callable[[ModelConfig, Mapping[str, Any]], Layers]
_Decoder = Callable[[ModelConfig, Mapping[str, Any], Shape], Layers]
_NETWORKS: dict[str, tuple[_Encoder, _Decoder]] = {
    "conv": (_stages, _decoder),
    "mlp": (_dense_encoder, _dense_decoder),
    "keras_2018": (_keras_encoder, _keras_decoder),
    "net_sure": (_net_sure_encoder, _net_sure_decoder),
    "udacity": (_udacity_encoder, _udacity_decoder),
}
