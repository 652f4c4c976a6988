"""Decoders: from a code ``[B, h, w, F]`` to logits ``[B, h s^n, w s^n, C]`` in n stages.

All share one form: n stages of convolution, upsampling and ReLU, then (``tail``) a convolution to
the channels of the image. They differ in the upsampling. ``config.DECODER_SPECS`` lists the layers
and options of each decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import flax.linen as nn
from flax.linen import initializers
from jax import Array

from aedenoise import ops
from aedenoise.config import TAIL_SIDE
from aedenoise.models.encoders import PooledCode
from aedenoise.models.initializers import icnr, kernel_initializer
from aedenoise.models.layers import Convolution, Parameters, apply


class _Decoder(nn.Module):
    """Base class with the attributes and layers that all decoders share.

    Attributes:
      features: channels of each stage.
      channels: channels of the image.
      kernel_size: side of the kernels, in pixels; the tail's is always 3.
      stride: factor of each upsampling.
      lowering, precision: see ``ops.convolutions`` and ``Convolution``.
      initializer: ``he`` or ``glorot``, see ``ModelConfig``.
    """

    features: Sequence[int] = (32, 32)
    channels: int = 1
    kernel_size: int = 3
    stride: int = 2
    lowering: str = "auto"
    precision: str = "float32"
    initializer: str = "he"

    def _layer(
        self,
        features: int,
        operation: Callable[[Array, Array, Array], Array],
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

    def _tail(self, x: Array) -> Array:
        """Applies the convolution of stride 1 after the last upsampling. It is always 3x3, so
        that decoders of different ``kernel_size`` differ in their upsampling only."""
        tail: Array = self._layer(self.channels, self._conv, "output", side=TAIL_SIDE)(x)
        return tail

    def _widths(self, tail: bool) -> list[int]:
        """Returns the channels of each stage; without a tail the last stage outputs the image."""
        return list(self.features) if tail else [*self.features[:-1], self.channels]


class UpsampleDecoder(_Decoder):
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
    def __call__(self, code: Array) -> Array:
        x = code
        if self.order == "conv_resize":
            for stage, features in enumerate(self.features):
                operation = partial(self._conv if stage == 0 else self._enlarge_conv, relu=True)
                x = self._layer(features, operation, f"conv{stage}")(x)
            return self._layer(self.channels, self._enlarge_conv, "output")(x)
        widths = self._widths(self.tail)
        for stage, features in enumerate(widths):
            last = not self.tail and stage == len(widths) - 1
            operation = partial(self._enlarge_conv, relu=not last)
            x = self._layer(features, operation, "output" if last else f"conv{stage}")(x)
        return self._tail(x) if self.tail else x

    def _enlarge_conv(self, x: Array, kernel: Array, bias: Array, *, relu: bool = False) -> Array:
        if self.method == "corner":
            return self._conv(ops.unpool(x, self.stride), kernel, bias, relu=relu)
        # Merged: the CPU kernels read the image before it was enlarged.
        return ops.upsample_conv(
            x,
            kernel,
            bias,
            factor=self.stride,
            method=self.method,
            relu=relu,
            lowering=self.lowering,
        )


class AdditiveDecoder(_Decoder):
    """Decoder with bilinear additive upsampling, then a convolution (Wojna et al. 2017).

    Each upsampling keeps ``1 / stride**2`` of the channels, and the convolution after it has
    ``stride**2`` times fewer weights.

    Attributes:
      tail: whether a convolution follows the last stage.
    """

    tail: bool = True

    @nn.compact
    def __call__(self, code: Array) -> Array:
        x = code
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
        return self._tail(x) if self.tail else x


class TransposeDecoder(_Decoder):
    """Decoder with strided transposed convolutions (the network of keras.io, 2021).

    Padding is ``SAME``: the output is ``stride`` times the input for any kernel.

    Attributes:
      tail: whether a convolution of stride 1 follows the last transposed one.
    """

    tail: bool = True

    @nn.compact
    def __call__(self, code: Array) -> Array:
        x = code
        widths = self._widths(self.tail)
        for stage, features in enumerate(widths):
            last = stage == len(widths) - 1
            if last and self.tail:
                return self._with_tail(x, features, f"conv_transpose{stage}")
            enlarge = partial(
                ops.conv_transpose, stride=self.stride, relu=not last, lowering=self.lowering
            )
            x = self._layer(features, enlarge, f"conv_transpose{stage}", self._kernel_init())(x)
        return x

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


class SubpixelDecoder(_Decoder):
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
    def __call__(self, code: Array) -> Array:
        x = code
        widths = self._widths(self.tail)
        one = kernel_initializer(self.initializer)
        kernel_init = icnr(one, self.stride) if self.icnr else one
        for stage, features in enumerate(widths):
            last = not self.tail and stage == len(widths) - 1
            operation = partial(self._conv, relu=not last)
            layer = self._layer(features * self.stride**2, operation, f"conv{stage}", kernel_init)
            x = ops.depth_to_space(layer(x), self.stride)
        return self._tail(x) if self.tail else x


class MaxUnpoolDecoder(_Decoder):
    """Decoder that convolves, then unpools to the argmax indices of the encoder (Zeiler & Fergus
    2014). Its encoder must return the indices; any height and width works, odd ones included."""

    @nn.compact
    def __call__(self, code: PooledCode) -> Array:
        x = code.code
        for stage, argmax in enumerate(reversed(code.argmax)):
            operation = partial(self._conv, relu=True)
            x = self._layer(argmax.shape[-1], operation, f"conv{stage}")(x)
            x = ops.max_unpool(x, argmax, self.stride)
        return self._tail(x)


def _upsample(method: str) -> Callable[..., nn.Module]:
    return lambda config, **common: UpsampleDecoder(
        method=method, order=config.order, tail=config.tail, **common
    )


# Constructors by name in ``config.DECODER_SPECS``: (ModelConfig, attributes of ``_Decoder``).
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
