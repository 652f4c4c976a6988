"""Decoders: from a code ``[B, h, w, F]`` to logits ``[B, h s^n, w s^n, C]`` in n stages.

All share one form: n stages of convolution, upsampling and ReLU, then (``tail``) a convolution to
the channels of the image. They differ in the upsampling. A stage ends, if asked for, with the skip
connection from the encoder's stage of its size, and with further convolutions.
``config.DECODER_SPECS`` lists the layers and options of each decoder.
"""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
from jax import Array

from aedenoise.models.content_decoders import CarafeDecoder, MaxUnpoolDecoder
from aedenoise.models.decoder_base import StagedDecoder
from aedenoise.models.learned_decoders import (
    ParallelTransposeDecoder,
    SmoothTransposeDecoder,
    SubpixelDecoder,
    TransposeDecoder,
)
from aedenoise.models.resize_decoders import AdditiveDecoder, UpsampleDecoder


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
    "transpose_parallel": lambda config, **common: ParallelTransposeDecoder(
        tail=config.tail, **common
    ),
    "transpose_smooth": lambda config, **common: SmoothTransposeDecoder(tail=config.tail, **common),
    "subpixel": lambda config, **common: SubpixelDecoder(
        icnr=config.icnr, tail=config.tail, **common
    ),
    "bilinear_additive": lambda config, **common: AdditiveDecoder(tail=config.tail, **common),
    "unpool": _upsample("corner"),
    "max_unpool": lambda config, **common: MaxUnpoolDecoder(**common),
    "carafe": lambda config, **common: CarafeDecoder(**common),
}
