"""Networks as lists of layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aedenoise.config import ModelConfig
from aedenoise.errors import UsageError
from aedenoise.exports.page import published_layers, stage_layers
from aedenoise.exports.page.layer import SIGMOID, Layer, Layers, Shape


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
    last = Layer("subtract") if model.residual else SIGMOID
    return (*encoder, *decode(model, params, shape), last), len(encoder)


_Encoder = Callable[[ModelConfig, Mapping[str, Any]], Layers]
_Decoder = Callable[[ModelConfig, Mapping[str, Any], Shape], Layers]
_NETWORKS: dict[str, tuple[_Encoder, _Decoder]] = {
    "conv": (stage_layers.encoder_layers, stage_layers.decoder_layers),
    "plain": (stage_layers.plain_encoder_layers, stage_layers.plain_decoder_layers),
    "mlp": (published_layers.dense_encoder, published_layers.dense_decoder),
    "keras_2018": (published_layers.keras_encoder, published_layers.keras_decoder),
    "net_sure": (published_layers.net_sure_encoder, published_layers.net_sure_decoder),
    "udacity": (published_layers.udacity_encoder, published_layers.udacity_decoder),
}
