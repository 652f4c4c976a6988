"""What all decoders share: attributes, layers, and the end of a stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from flax.linen import initializers
from jax import Array

from aedenoise import ops
from aedenoise.config import TAIL_SIDE
from aedenoise.models.encoders import Encoding, stage_names
from aedenoise.models.initializers import kernel_initializer
from aedenoise.models.layers import Convolution


class StagedDecoder(nn.Module):
    """Base class with the attributes and layers that all decoders share.

    Attributes:
      features: channels of each stage.
      channels: channels of the image.
      kernel_size: side of the kernels, in pixels; the tail's is always 3.
      stride: factor of each upsampling.
      lowering, precision: see ``ops.convolutions`` and ``Convolution``.
      initializer: see ``ModelConfig``.
      skip: ``none``, ``add`` or ``concat``, see ``ModelConfig``. The code is then an ``Encoding``.
      convs: convolutions of a stage, see ``ModelConfig``.
    """

    features: Sequence[int] = (32, 32)
    channels: int = 1
    kernel_size: int = 3
    stride: int = 2
    lowering: str = "auto"
    precision: str = "float32"
    initializer: str = "he"
    skip: str = "none"
    convs: int = 1

    def _layer(
        self,
        features: int,
        operation: Callable[..., Array],
        name: str,
        kernel_init: initializers.Initializer | None = None,
        *,
        side: int | None = None,
    ) -> Convolution:
        return Convolution(
            features,
            side or self.kernel_size,
            operation,
            kernel_init or kernel_initializer(self.initializer),
            self.precision,
            name=name,
        )

    def _conv(self, x: Array, kernel: Array, bias: Array, *, relu: bool = False) -> Array:
        return ops.conv(x, kernel, bias, relu=relu, lowering=self.lowering)

    def _skips(self, code: Array | Encoding) -> tuple[Array | None, ...]:
        """Returns the skip connection of each stage, None without."""
        if self.skip == "none":
            return (None,) * len(self.features)
        if not isinstance(code, Encoding):
            raise TypeError(
                f"skip={self.skip} needs an Encoding with skips; its encoder keeps none"
            )
        return code.skips[::-1]

    def _end(self, x: Array, stage: int, skip: Array | None) -> Array:
        """Applies what follows the upsampling in a stage: skip connection and convolutions."""
        features = x.shape[-1]
        if skip is not None:
            x = self._join(x, stage, skip)
        for name in stage_names(stage, self.convs)[1:]:
            x = self._layer(features, partial(self._conv, relu=True), name, side=TAIL_SIDE)(x)
        return x

    def _join(self, x: Array, stage: int, skip: Array) -> Array:
        if self.skip == "concat":
            return jnp.concatenate([x, skip.astype(x.dtype)], axis=-1)
        if skip.shape[-1] != x.shape[-1]:
            skip = self._layer(x.shape[-1], self._conv, f"skip{stage}", side=1)(skip)
        return x + skip

    def _tail(self, x: Array) -> Array:
        """Applies the convolution of stride 1 after the last upsampling. It is always 3x3, so
        that decoders of different ``kernel_size`` differ in their upsampling only."""
        tail: Array = self._layer(self.channels, self._conv, "output", side=TAIL_SIDE)(x)
        return tail

    def _widths(self, tail: bool) -> list[int]:
        """Returns the channels of each stage; without a tail the last stage outputs the image."""
        return list(self.features) if tail else [*self.features[:-1], self.channels]


def code_of(code: Array | Encoding) -> Array:
    """Returns the code itself, ``[B, h, w, F]``."""
    return code.code if isinstance(code, Encoding) else code
