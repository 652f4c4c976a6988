"""Decoders that upsample with fixed weights."""

from __future__ import annotations

from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from aedenoise import ops
from aedenoise.config import TAIL_SIDE
from aedenoise.models.decoder_base import StagedDecoder, code_of
from aedenoise.models.encoders import Encoding, stage_names


class UpsampleDecoder(StagedDecoder):
    """Decoder that upsamples with fixed weights, and convolves.

    Attributes:
      method: ``nearest``, ``bilinear`` or ``bicubic``, as ``jax.image.resize`` names them, or
        ``corner``, simple unpooling (``ops.unpool``).
      order: ``conv_resize`` (convolve at low resolution, upsample, ..., convolve: the network of
        the Keras blog, 2016) or ``resize_conv`` (upsample, then convolve: Odena et al. 2016).
      tail: with ``resize_conv``, whether a convolution follows the last stage.
    """

    method: str = "nearest"
    order: str = "conv_resize"
    tail: bool = True

    @nn.compact
    def __call__(self, code: Array | Encoding) -> Array:
        x, skips = code_of(code), self._skips(code)
        if self.order == "conv_resize":
            return self._convolve_first(x, skips)
        widths = self._widths(self.tail)
        for stage, features in enumerate(widths):
            last = not self.tail and stage == len(widths) - 1
            operation = partial(self._enlarge_conv, relu=not last)
            x = self._layer(features, operation, "output" if last else f"conv{stage}")(x)
            x = x if last else self._end(x, stage, skips[stage])
        return self._tail(x) if self.tail else x

    def _convolve_first(self, x: Array, skips: tuple[Array | None, ...]) -> Array:
        # A convolution is merged with the upsampling before it, and with the joining of maps.
        enlarge, skip = self._conv, None
        for stage, features in enumerate(self.features):
            x = self._layer(features, partial(enlarge, relu=True), f"conv{stage}")(x, skip)
            enlarge, skip = self._enlarge_conv, skips[stage]
            if self.skip == "add" and skip is not None:
                x = self._join(self._enlarge(x), stage, skip)
                enlarge, skip = self._conv, None
            for name in stage_names(stage, self.convs)[1:]:
                operation = partial(enlarge, relu=True)
                x = self._layer(features, operation, name, side=TAIL_SIDE)(x, skip)
                enlarge, skip = self._conv, None
        return self._layer(self.channels, enlarge, "output")(x, skip)

    def _enlarge(self, x: Array) -> Array:
        if self.method == "corner":
            return ops.unpool(x, self.stride)
        return ops.upsample(x, self.stride, self.method, lowering=self.lowering)

    def _enlarge_conv(
        self,
        x: Array,
        kernel: Array,
        bias: Array,
        *,
        relu: bool = False,
        skip: Array | None = None,
    ) -> Array:
        if self.method == "corner":
            enlarged = ops.unpool(x, self.stride)
            joined = enlarged if skip is None else jnp.concatenate([enlarged, skip], axis=-1)
            return self._conv(joined, kernel, bias, relu=relu)
        # Merged: the CPU kernels read the image before it was enlarged.
        return ops.upsample_conv(
            x,
            kernel,
            bias,
            factor=self.stride,
            method=self.method,
            relu=relu,
            skip=skip,
            lowering=self.lowering,
        )


class AdditiveDecoder(StagedDecoder):
    """Decoder with bilinear additive upsampling, then a convolution (Wojna et al. 2017).

    Each upsampling keeps ``1 / stride**2`` of the channels, and the convolution after it has
    ``stride**2`` times fewer weights.

    Attributes:
      tail: whether a convolution follows the last stage.
    """

    tail: bool = True

    @nn.compact
    def __call__(self, code: Array | Encoding) -> Array:
        x, skips = code_of(code), self._skips(code)
        widths = self._widths(self.tail)
        for stage, features in enumerate(widths):
            last = not self.tail and stage == len(widths) - 1
            x = ops.sum_channels(x, self.stride**2)
            operation = partial(
                ops.upsample_conv,
                factor=self.stride,
                method="bilinear",
                relu=not last,
                lowering=self.lowering,
            )
            x = self._layer(features, operation, "output" if last else f"conv{stage}")(x)
            x = x if last else self._end(x, stage, skips[stage])
        return self._tail(x) if self.tail else x
