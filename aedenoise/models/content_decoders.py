"""Decoders whose upsampling depends on the content of the image."""

from __future__ import annotations

from functools import partial

import flax.linen as nn
from flax.linen import initializers
from jax import Array

from aedenoise import ops
from aedenoise.config.decoders import REASSEMBLY_SIDE
from aedenoise.models.decoder_base import StagedDecoder, code_of
from aedenoise.models.encoders import Encoding


class MaxUnpoolDecoder(StagedDecoder):
    """Decoder that convolves, then unpools to the argmax indices of the encoder (Zeiler & Fergus
    2014). Its encoder must return the indices; any height and width works, odd ones included."""

    @nn.compact
    def __call__(self, code: Encoding) -> Array:
        x, skips = code.code, self._skips(code)
        for stage, argmax in enumerate(reversed(code.argmax)):
            operation = partial(self._conv, relu=True)
            x = self._layer(argmax.shape[-1], operation, f"conv{stage}")(x)
            x = self._end(ops.max_unpool(x, argmax, self.stride), stage, skips[stage])
        return self._tail(x)


class CarafeDecoder(StagedDecoder):
    """Decoder that convolves, then reassembles each pixel from its neighbours with weights that
    depend on the content (CARAFE: Wang et al. 2019).

    A 1x1 convolution predicts the weights of 3x3 neighbours for each output pixel, and a softmax
    makes them sum to one. Sides of 3x3 and 5x5, the default of the paper, would take most of the
    parameters of narrow networks; for the same reason its compression to 64 channels is left out.
    """

    @nn.compact
    def __call__(self, code: Array | Encoding) -> Array:
        x, skips = code_of(code), self._skips(code)
        for stage, features in enumerate(self.features):
            x = self._layer(features, partial(self._conv, relu=True), f"conv{stage}")(x)
            weights = (self.stride * REASSEMBLY_SIDE) ** 2
            # As in the paper: an untrained layer takes nearly equal shares of all neighbours.
            init = initializers.normal(0.001)
            x = self._layer(weights, self._reassemble, f"reassembly{stage}", init, side=1)(x)
            x = self._end(x, stage, skips[stage])
        return self._tail(x)

    def _reassemble(self, x: Array, kernel: Array, bias: Array) -> Array:
        return ops.reassemble(x, self._conv(x, kernel, bias), self.stride)
