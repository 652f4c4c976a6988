"""Encoders: from an image ``[B, H, W, C]`` to a code ``[B, H/d, W/d, F]``."""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
from jax import Array

from aedenoise.models.initializers import he_normal
from aedenoise.ops import max_pool


class Encoder(nn.Module):
    """Stages of 3x3 convolution, ReLU and max pooling (Chollet 2016; keras.io 2021).

    Attributes:
      features: channels of each stage.
      stride: side of the pooling windows; each stage divides height and width by it.
    """

    features: Sequence[int] = (32, 32)
    stride: int = 2

    @nn.compact
    def __call__(self, image: Array) -> Array:
        x = image
        for stage, features in enumerate(self.features):
            x = nn.Conv(features, (3, 3), kernel_init=he_normal(), name=f"conv{stage}")(x)
            # ReLU and maximum commute; after the pool it touches a quarter of the values.
            x = nn.relu(max_pool(x, self.stride))
        return x
