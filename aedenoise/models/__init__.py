"""Flax linen modules: encoders, decoders, and the autoencoder that composes them."""

from aedenoise.models.autoencoder import Autoencoder, build_autoencoder, to_image
from aedenoise.models.decoders import (
    AdditiveDecoder,
    MaxUnpoolDecoder,
    SubpixelDecoder,
    TransposeDecoder,
    UpsampleDecoder,
)
from aedenoise.models.encoders import Encoder, Remembered, constant_code

__all__ = [
    "AdditiveDecoder",
    "Autoencoder",
    "Encoder",
    "MaxUnpoolDecoder",
    "Remembered",
    "SubpixelDecoder",
    "TransposeDecoder",
    "UpsampleDecoder",
    "build_autoencoder",
    "constant_code",
    "to_image",
]
