"""Decoders whose convolutions enlarge: transposed and sub-pixel convolutions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import flax.linen as nn
from flax.linen import initializers
from jax import Array

from aedenoise import ops
from aedenoise.config.decoders import PARALLEL_SIDE, TAIL_SIDE
from aedenoise.models.decoder_base import StagedDecoder, code_of
from aedenoise.models.encoders import Encoding
from aedenoise.models.initializers import icnr, kernel_initializer, shared
from aedenoise.models.layers import ParallelParameters, Parameters, apply
from aedenoise.ops.kernel_sums import smooth_kernel


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
            parameters = self._parameters(features, f"conv_transpose{stage}")
            if self._ends_in_tail(stage):
                return self._with_tail(x, features, parameters)
            x = self._enlarge(x, parameters, relu=not last)
            x = x if last else self._end(x, stage, skips[stage])
        return self._tail(x) if self.tail else x

    def _parameters(self, features: int, name: str) -> Callable[[int], tuple[Array, Array]]:
        """Returns the module of a stage's parameters."""
        return Parameters(features, self.kernel_size, self._kernel_init(), name=name)

    def _enlarge(
        self, x: Array, parameters: Callable[[int], tuple[Array, Array]], *, relu: bool
    ) -> Array:
        """Applies a stage's transposed convolution."""
        operation = partial(
            ops.conv_transpose, stride=self.stride, relu=relu, lowering=self.lowering
        )
        return apply(operation, self.precision, x, *parameters(x.shape[-1]))

    def _ends_in_tail(self, stage: int) -> bool:
        """Returns True if nothing lies between a stage and the tail."""
        alone = self.skip == "none" and self.convs == 1
        return alone and self.tail and stage == len(self.features) - 1

    def _with_tail(
        self, x: Array, features: int, parameters: Callable[[int], tuple[Array, Array]]
    ) -> Array:
        """Applies the last stage and the tail as one operation, whose CPU kernel keeps what lies
        between them in the cache."""
        init = kernel_initializer(self.initializer)
        tail = Parameters(self.channels, TAIL_SIDE, init, name="output")
        kernel, bias = tail(features)
        operation = partial(ops.conv_transpose_conv, stride=self.stride, lowering=self.lowering)
        between = *parameters(x.shape[-1]), self._tail_kernel(kernel), bias
        return apply(operation, self.precision, x, *between)

    def _tail_kernel(self, kernel: Array) -> Array:
        """Returns the kernel of the tail where it follows a stage at once."""
        return kernel

    def _kernel_init(self) -> initializers.Initializer:
        return kernel_initializer(self.initializer, self.stride)


class ParallelTransposeDecoder(TransposeDecoder):
    """Decoder with large transposed convolutions, each with a parallel one of 3x3 whose output is
    added (Agnihotri, Grabinski & Keuper 2024, with kernels of 7x7 and 11x11: a large context
    against artifacts of the spectrum, a small kernel for details).

    The two are computed as one, with the sum of their kernels.
    """

    def _parameters(self, features: int, name: str) -> Callable[[int], tuple[Array, Array]]:
        # Halves the variance of each, so that their sum preserves that of the activations.
        init = shared(self._kernel_init(), 2)
        return ParallelParameters(
            features, self.kernel_size, init, side=PARALLEL_SIDE, stride=self.stride, name=name
        )


class SmoothTransposeDecoder(TransposeDecoder):
    """Decoder with transposed convolutions, ReLU and a mean over ``stride`` x ``stride`` pixels.

    On a constant map a transposed convolution repeats a block of ``stride`` x ``stride`` values,
    before and after the ReLU, and each mean is over one such block: no grid is left, whatever the
    weights. By the transposed operation, no gradient of that period reaches the weights either.
    The mean is the zero-order hold of Sugawara, Shiota & Kiya (2018), the fixed smooth layer of
    lowest order of Kinoshita & Kiya (2020). Before the ReLU it would make the stage equal to
    nearest upsampling and a convolution, which is ``UpsampleDecoder`` with ``resize_conv``.
    """

    def _enlarge(
        self, x: Array, parameters: Callable[[int], tuple[Array, Array]], *, relu: bool
    ) -> Array:
        return ops.smooth(super()._enlarge(x, parameters, relu=relu), self.stride)

    def _tail_kernel(self, kernel: Array) -> Array:
        # Two linear operations in one, which spares two passes over the largest map.
        return smooth_kernel(kernel, self.stride)


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
