"""Encoders: from an image ``[B, H, W, C]`` to a code ``[B, H/d, W/d, F]``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import flax.linen as nn
from jax import Array

from aedenoise import ops
from aedenoise.models.layers import Convolution


class Encoder(nn.Module):
    """Stages of 3x3 convolution, ReLU and max pooling (Chollet 2016; keras.io 2021).

    Attributes:
      features: channels of each stage.
      stride: side of the pooling windows; each stage divides height and width by it.
      lowering, precision: see ``ops.convolutions`` and ``Convolution``.
    """

    features: Sequence[int] = (32, 32)
    stride: int = 2
    lowering: str = "auto"
    precision: str = "float32"

    @nn.compact
    def __call__(self, image: Array) -> Array:
        operation = partial(ops.conv_pool_relu, window=self.stride, lowering=self.lowering)
        x = image
        for stage, features in enumerate(self.features):
            layer = Convolution(
                features, 3, operation, precision=self.precision, name=f"conv{stage}"
            )
            x = layer(x)
        return x
