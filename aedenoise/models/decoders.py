"""Decoders: from a code ``[B, h, w, F]`` to logits ``[B, h s^n, w s^n, C]`` in n stages.

Both spend the same parameters and, at stride 2, the same multiply-adds on the same code: each
stage's kernel is applied once per low-resolution pixel, before or while it is enlarged.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import flax.linen as nn
from jax import Array

from aedenoise import ops
from aedenoise.models.initializers import he_normal
from aedenoise.models.layers import Convolution


class UpsampleDecoder(nn.Module):
    """Convolve, enlarge with fixed weights, convolve (the network of the Keras blog, 2016).

    Attributes:
      features: channels of each stage.
      channels: channels of the image.
      kernel_size: side of the kernels, in pixels.
      stride: factor of each enlargement.
      method: ``nearest`` or ``bilinear``, as ``jax.image.resize`` names them.
      lowering, precision: see ``ops.convolutions`` and ``Convolution``.
    """

    features: Sequence[int] = (32, 32)
    channels: int = 1
    kernel_size: int = 3
    stride: int = 2
    method: str = "nearest"
    lowering: str = "auto"
    precision: str = "float32"

    @nn.compact
    def __call__(self, code: Array) -> Array:
        layer = partial(Convolution, kernel_size=self.kernel_size, precision=self.precision)
        x = code
        for stage, features in enumerate(self.features):
            operation = partial(self._conv if stage == 0 else self._upsample_conv, relu=True)
            x = layer(features, operation=operation, name=f"conv{stage}")(x)
        return layer(self.channels, operation=self._upsample_conv, name="output")(x)

    def _conv(self, x: Array, kernel: Array, bias: Array, *, relu: bool = False) -> Array:
        return ops.conv(x, kernel, bias, relu=relu, lowering=self.lowering)

    def _upsample_conv(self, x: Array, kernel: Array, bias: Array, *, relu: bool = False) -> Array:
        if self.method == "nearest":  # at low resolution, where the copies are one pixel
            return ops.upsample_conv(
                x, kernel, bias, factor=self.stride, relu=relu, lowering=self.lowering
            )
        return self._conv(ops.upsample(x, self.stride, self.method), kernel, bias, relu=relu)


class TransposeDecoder(nn.Module):
    """Learned enlargement by strided transposed convolutions (the network of keras.io, 2021).

    Padding is ``SAME``: the output is ``stride`` times the input for any kernel.

    Attributes:
      features: channels of each stage.
      channels: channels of the image.
      kernel_size: side of the kernels, in pixels.
      stride: stride of each transposed convolution.
      lowering, precision: see ``ops.convolutions`` and ``Convolution``.
    """

    features: Sequence[int] = (32, 32)
    channels: int = 1
    kernel_size: int = 3
    stride: int = 2
    lowering: str = "auto"
    precision: str = "float32"

    @nn.compact
    def __call__(self, code: Array) -> Array:
        layer = partial(Convolution, kernel_size=self.kernel_size, precision=self.precision)
        enlarge = partial(ops.conv_transpose, stride=self.stride, relu=True, lowering=self.lowering)
        x = code
        for stage, features in enumerate(self.features):
            x = layer(
                features,
                operation=enlarge,
                kernel_init=he_normal(self.stride),
                name=f"conv_transpose{stage}",
            )(x)
        last = partial(ops.conv, lowering=self.lowering)
        return layer(self.channels, operation=last, name="output")(x)
