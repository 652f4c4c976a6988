"""Published networks, reproduced exactly, each as an encoder and a decoder.

Each maps images ``[B, H, W, C]`` in [0, 1] to logits of that shape; ``to_image`` is the final
sigmoid of the originals. Vector codes have shape ``[B, 1, 1, F]``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
from flax.linen import initializers
from jax import Array

from aedenoise import ops
from aedenoise.models.initializers import TorchUniform, glorot
from aedenoise.models.layers import Convolution

_Operation = Callable[[Array, Array, Array], Array]


class _Layers(nn.Module):
    """Base class with the attributes and layers of all published networks."""

    channels: int = 1
    lowering: str = "auto"
    precision: str = "float32"

    def _layer(
        self,
        features: int,
        operation: _Operation,
        name: str,
        *,
        side: int = 3,
        kernel_init: initializers.Initializer | None = None,
    ) -> Convolution:
        return Convolution(
            features,
            side,
            operation,
            kernel_init or glorot(),
            self.precision,
            name=name,
        )

    def _conv(self, stride: int = 1, *, relu: bool = False) -> _Operation:
        return partial(ops.conv, stride=stride, relu=relu, lowering=self.lowering)

    def _conv_transpose(self, *, relu: bool = False, padding: str = "SAME") -> _Operation:
        return partial(
            ops.conv_transpose, stride=2, padding=padding, relu=relu, lowering=self.lowering
        )


class Keras2018Encoder(_Layers):
    """Encoder of Keras's example ``mnist_denoising_autoencoder`` of 2018: two strided
    convolutions and a code of 16 numbers."""

    @nn.compact
    def __call__(self, image: Array) -> Array:
        x = self._layer(32, self._conv(2, relu=True), "conv0")(image)
        x = self._layer(64, self._conv(2, relu=True), "conv1")(x)
        code = nn.Dense(16, kernel_init=glorot(), name="code")(x.reshape(x.shape[0], -1))
        return code[:, None, None, :]


class Keras2018Decoder(_Layers):
    """Decoder of the 2018 Keras example; its dense layer fixes the size to 28 x 28 pixels."""

    @nn.compact
    def __call__(self, code: Array) -> Array:
        x = nn.Dense(7 * 7 * 64, kernel_init=glorot(), name="dense")(
            code.reshape(code.shape[0], -1)
        )
        x = x.reshape(-1, 7, 7, 64)
        x = self._layer(64, self._conv_transpose(relu=True), "conv_transpose0")(x)
        x = self._layer(32, self._conv_transpose(relu=True), "conv_transpose1")(x)
        # The original has a transposed convolution of stride 1: a convolution, kernels flipped.
        logits: Array = self._layer(self.channels, self._conv(), "output")(x)
        return logits


class NetSureEncoder(_Layers):
    """Encoder of Soltanayev and Chun (NeurIPS 2018): strided convolutions and sigmoids."""

    @nn.compact
    def __call__(self, image: Array) -> Array:
        x = jax.nn.sigmoid(self._layer(10, self._conv(2), "conv0")(image))
        return jax.nn.sigmoid(self._layer(10, self._conv(2), "conv1")(x))


class NetSureDecoder(_Layers):
    """Decoder of Soltanayev and Chun: two transposed convolutions."""

    @nn.compact
    def __call__(self, code: Array) -> Array:
        x = jax.nn.sigmoid(self._layer(10, self._conv_transpose(), "conv_transpose0")(code))
        logits: Array = self._layer(self.channels, self._conv_transpose(), "conv_transpose1")(x)
        return logits


class UdacityEncoder(_Layers):
    """Encoder of Udacity's denoising exercise (PyTorch, 2018): three poolings, each of which
    drops an odd last row and column."""

    @nn.compact
    def __call__(self, image: Array) -> Array:
        x = image
        for stage, features in enumerate((32, 16, 8)):
            layer = self._layer(
                features, self._conv(relu=True), f"conv{stage}", kernel_init=TorchUniform()
            )
            x = layer(x)
            # ``MaxPool2d`` floors the output size.
            height, width = (side // 2 * 2 for side in x.shape[1:3])
            x = ops.max_pool(x[:, :height, :width], 2, lowering=self.lowering)
        return x


class UdacityDecoder(_Layers):
    """Decoder of Udacity's exercise: transposed convolutions without padding, kernels 3, 2, 2."""

    @nn.compact
    def __call__(self, code: Array) -> Array:
        x = code
        for stage, (features, side) in enumerate(((8, 3), (16, 2), (32, 2))):
            layer = self._layer(
                features,
                self._conv_transpose(relu=True, padding="VALID"),
                f"conv_transpose{stage}",
                side=side,
                kernel_init=TorchUniform(transposed=True),
            )
            x = layer(x)
        output = self._layer(self.channels, self._conv(), "output", kernel_init=TorchUniform())
        logits: Array = output(x)
        return logits


PUBLISHED: dict[str, tuple[type[Any], type[Any]]] = {
    "keras_2018": (Keras2018Encoder, Keras2018Decoder),
    "net_sure": (NetSureEncoder, NetSureDecoder),
    "udacity": (UdacityEncoder, UdacityDecoder),
}
