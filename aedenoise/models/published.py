"""Networks exactly as they were published, in the form of the others: an encoder and a decoder.

Each maps images ``[B, H, W, C]`` in [0, 1] to logits of that shape; the sigmoid that ends the
originals is ``to_image``. Where the code is a vector it is ``[B, 1, 1, F]``.
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
from aedenoise.models.initializers import glorot, torch_bias, torch_kernel
from aedenoise.models.layers import Convolution

_Operation = Callable[[Array, Array, Array], Array]


class _Layers(nn.Module):
    """What every encoder and decoder here is told."""

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
        bias_init: initializers.Initializer | None = None,
    ) -> Convolution:
        return Convolution(
            features,
            side,
            operation,
            kernel_init or glorot(),
            self.precision,
            bias_init or initializers.zeros_init(),
            name=name,
        )

    def _conv(self, stride: int = 1, *, relu: bool = False) -> _Operation:
        return partial(ops.conv, stride=stride, relu=relu, lowering=self.lowering)

    def _conv_transpose(self, *, relu: bool = False, padding: str = "SAME") -> _Operation:
        return partial(
            ops.conv_transpose, stride=2, padding=padding, relu=relu, lowering=self.lowering
        )


class Keras2018Encoder(_Layers):
    """The encoder of Keras's example ``mnist_denoising_autoencoder`` of 2018: two strided
    convolutions and a code of 16 numbers."""

    @nn.compact
    def __call__(self, image: Array) -> Array:
        x = self._layer(32, self._conv(2, relu=True), "conv0")(image)
        x = self._layer(64, self._conv(2, relu=True), "conv1")(x)
        code = nn.Dense(16, kernel_init=glorot(), name="code")(x.reshape(len(x), -1))
        return code[:, None, None, :]


class Keras2018Decoder(_Layers):
    """Its decoder; it draws 28 x 28 pixels, for there its widths are fixed."""

    @nn.compact
    def __call__(self, code: Array) -> Array:
        x = nn.Dense(7 * 7 * 64, kernel_init=glorot(), name="dense")(code.reshape(len(code), -1))
        x = x.reshape(-1, 7, 7, 64)
        x = self._layer(64, self._conv_transpose(relu=True), "conv_transpose0")(x)
        x = self._layer(32, self._conv_transpose(relu=True), "conv_transpose1")(x)
        # There a transposed convolution of stride 1, which is a convolution with turned kernels.
        logits: Array = self._layer(self.channels, self._conv(), "output")(x)
        return logits


class NetSureEncoder(_Layers):
    """The encoder of Soltanayev and Chun (NeurIPS 2018): strided convolutions and sigmoids."""

    @nn.compact
    def __call__(self, image: Array) -> Array:
        x = jax.nn.sigmoid(self._layer(10, self._conv(2), "conv0")(image))
        return jax.nn.sigmoid(self._layer(10, self._conv(2), "conv1")(x))


class NetSureDecoder(_Layers):
    """Its decoder: two transposed convolutions."""

    @nn.compact
    def __call__(self, code: Array) -> Array:
        x = jax.nn.sigmoid(self._layer(10, self._conv_transpose(), "conv_transpose0")(code))
        logits: Array = self._layer(self.channels, self._conv_transpose(), "conv_transpose1")(x)
        return logits


class UdacityEncoder(_Layers):
    """The encoder of Udacity's denoising exercise (PyTorch, 2018): three pools, of which each
    drops an odd last row and column."""

    @nn.compact
    def __call__(self, image: Array) -> Array:
        x = image
        for stage, features in enumerate((32, 16, 8)):
            fan = 9 * x.shape[-1]
            layer = self._layer(
                features,
                self._conv(relu=True),
                f"conv{stage}",
                kernel_init=torch_kernel(fan),
                bias_init=torch_bias(fan),
            )
            x = layer(x)
            height, width = (side // 2 * 2 for side in x.shape[1:3])
            x = ops.max_pool(x[:, :height, :width], 2)
        return x


class UdacityDecoder(_Layers):
    """Its decoder: transposed convolutions without padding, of kernels 3, 2 and 2."""

    @nn.compact
    def __call__(self, code: Array) -> Array:
        x = code
        for stage, (features, side) in enumerate(((8, 3), (16, 2), (32, 2))):
            # There a transposed kernel's fan is counted over its output channels.
            fan = side * side * features
            layer = self._layer(
                features,
                self._conv_transpose(relu=True, padding="VALID"),
                f"conv_transpose{stage}",
                side=side,
                kernel_init=torch_kernel(fan),
                bias_init=torch_bias(fan),
            )
            x = layer(x)
        fan = 9 * x.shape[-1]
        output = self._layer(
            self.channels,
            self._conv(),
            "output",
            kernel_init=torch_kernel(fan),
            bias_init=torch_bias(fan),
        )
        logits: Array = output(x)
        return logits


PUBLISHED: dict[str, tuple[type[Any], type[Any]]] = {
    "keras_2018": (Keras2018Encoder, Keras2018Decoder),
    "net_sure": (NetSureEncoder, NetSureDecoder),
    "udacity": (UdacityEncoder, UdacityDecoder),
}
