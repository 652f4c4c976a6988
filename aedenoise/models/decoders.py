"""Decoders: from a code ``[B, h, w, F]`` to logits ``[B, h s^n, w s^n, C]`` in n stages.

All share one form: n stages of convolution, upsampling and ReLU, then (``tail``) a convolution to
the channels of the image. They differ in the upsampling. A stage ends, if asked for, with the skip
connection from the encoder's stage of its size, and with further convolutions.
``config.DECODER_SPECS`` lists the layers and options of each decoder.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from flax.linen import initializers
from jax import Array

from aedenoise import ops
from aedenoise.config import TAIL_SIDE
from aedenoise.models.decoder_base import StagedDecoder, code_of
from aedenoise.models.encoders import Encoding, stage_names
from aedenoise.models.initializers import icnr, kernel_initializer
from aedenoise.models.layers import Parameters, apply


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


class TransposeDecoder(StagedDecoder):
    """Decoder with strided transposed convolutions (the network of keras.io, 2021).

    Padding is ``SAME``: the output is ``stride`` times the input for any kernel.

    Attributes:
      tail: whether a convolution of stride 1 follows the last transposed one.
    """

    tail: bool = True

    @nn.compact
    def __call__(self, code: Array | Encoding) -> Array:
        x, skips = code_of(code), self._skips(code)
        widths = self._widths(self.tail)
        for stage, features in enumerate(widths):
            last = not self.tail and stage == len(widths) - 1
            if self._ends_in_tail(stage):
                return self._with_tail(x, features, f"conv_transpose{stage}")
            enlarge = partial(
                ops.conv_transpose, stride=self.stride, relu=not last, lowering=self.lowering
            )
            name = f"conv_transpose{stage}"
            x = self._layer(features, enlarge, name, self._kernel_init())(x)
            x = x if last else self._end(x, stage, skips[stage])
        return self._tail(x) if self.tail else x

    def _ends_in_tail(self, stage: int) -> bool:
        """Returns True if nothing lies between a stage and the tail."""
        alone = self.skip == "none" and self.convs == 1
        return alone and self.tail and stage == len(self.features) - 1

    def _with_tail(self, x: Array, features: int, name: str) -> Array:
        """Applies the last stage and the tail as one operation, whose CPU kernel keeps what lies
        between them in the cache."""
        stage = Parameters(features, self.kernel_size, self._kernel_init(), name=name)
        init = kernel_initializer(self.initializer)
        tail = Parameters(self.channels, TAIL_SIDE, init, name="output")
        operation = partial(ops.conv_transpose_conv, stride=self.stride, lowering=self.lowering)
        return apply(operation, self.precision, x, *stage(x.shape[-1]), *tail(features))

    def _kernel_init(self) -> initializers.Initializer:
        return kernel_initializer(self.initializer, self.stride)


class SubpixelDecoder(StagedDecoder):
    """Decoder that convolves to ``stride**2`` times the channels, then shuffles them into pixels
    (Shi et al. 2016).

    Attributes:
      icnr: ICNR initialisation: equal kernels for the pixels of one block, so that the untrained
        decoder is a nearest upsampling without checkerboards (Aitken et al. 2017).
      tail: whether a convolution follows the last stage.
    """

    icnr: bool = True
    tail: bool = True

    @nn.compact
    def __call__(self, code: Array | Encoding) -> Array:
        x, skips = code_of(code), self._skips(code)
        widths = self._widths(self.tail)
        one = kernel_initializer(self.initializer)
        kernel_init = icnr(one, self.stride) if self.icnr else one
        for stage, features in enumerate(widths):
            last = not self.tail and stage == len(widths) - 1
            operation = partial(self._conv, relu=not last)
            layer = self._layer(features * self.stride**2, operation, f"conv{stage}", kernel_init)
            x = ops.depth_to_space(layer(x), self.stride)
            x = x if last else self._end(x, stage, skips[stage])
        return self._tail(x) if self.tail else x


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


class PlainDecoder(StagedDecoder):
    """Convolution to the image: the end of a network without a bottleneck, see ``PlainEncoder``."""

    @nn.compact
    def __call__(self, code: Array) -> Array:
        return self._tail(code)


def _upsample(method: str) -> Callable[..., nn.Module]:
    return lambda config, **common: UpsampleDecoder(
        method=method, order=config.order, tail=config.tail, **common
    )


# Constructors by name in ``config.DECODER_SPECS``: (ModelConfig, attributes of ``StagedDecoder``).
DECODERS: dict[str, Callable[..., nn.Module]] = {
    "upsample": _upsample("nearest"),
    "bilinear": _upsample("bilinear"),
    "bicubic": _upsample("bicubic"),
    "transpose": lambda config, **common: TransposeDecoder(tail=config.tail, **common),
    "subpixel": lambda config, **common: SubpixelDecoder(
        icnr=config.icnr, tail=config.tail, **common
    ),
    "bilinear_additive": lambda config, **common: AdditiveDecoder(tail=config.tail, **common),
    "unpool": _upsample("corner"),
    "max_unpool": lambda config, **common: MaxUnpoolDecoder(**common),
}
