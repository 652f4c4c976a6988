"""Decoders: from a code ``[B, h, w, F]`` to logits ``[B, h s^n, w s^n, C]`` in n stages.

Both spend the same parameters and, at stride 2, the same multiply-adds on the same code: each
stage's kernel is applied once per low-resolution pixel, before or while it is enlarged.
"""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
from jax import Array

from aedenoise.models.initializers import he_normal
from aedenoise.ops import upsample


class UpsampleDecoder(nn.Module):
    """Convolve, enlarge with fixed weights, convolve (the network of the Keras blog, 2016).

    Attributes:
      features: channels of each stage.
      channels: channels of the image.
      kernel_size: side of the kernels, in pixels.
      stride: factor of each enlargement.
      method: ``nearest`` or ``bilinear``, as ``jax.image.resize`` names them.
    """

    features: Sequence[int] = (32, 32)
    channels: int = 1
    kernel_size: int = 3
    stride: int = 2
    method: str = "nearest"

    @nn.compact
    def __call__(self, code: Array) -> Array:
        kernel = (self.kernel_size, self.kernel_size)
        x = code
        for stage, features in enumerate(self.features):
            x = nn.Conv(features, kernel, kernel_init=he_normal(), name=f"conv{stage}")(x)
            x = upsample(nn.relu(x), self.stride, self.method)
        return nn.Conv(self.channels, kernel, kernel_init=he_normal(), name="output")(x)


class TransposeDecoder(nn.Module):
    """Learned enlargement by strided transposed convolutions (the network of keras.io, 2021).

    Padding is ``SAME``: the output is ``stride`` times the input for any kernel.

    Attributes:
      features: channels of each stage.
      channels: channels of the image.
      kernel_size: side of the kernels, in pixels.
      stride: stride of each transposed convolution.
    """

    features: Sequence[int] = (32, 32)
    channels: int = 1
    kernel_size: int = 3
    stride: int = 2

    @nn.compact
    def __call__(self, code: Array) -> Array:
        kernel, strides = (self.kernel_size, self.kernel_size), (self.stride, self.stride)
        x = code
        for stage, features in enumerate(self.features):
            x = nn.ConvTranspose(
                features,
                kernel,
                strides,
                kernel_init=he_normal(self.stride),
                name=f"conv_transpose{stage}",
            )(x)
            x = nn.relu(x)
        return nn.Conv(self.channels, kernel, kernel_init=he_normal(), name="output")(x)
