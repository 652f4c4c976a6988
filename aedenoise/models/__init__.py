"""Flax linen modules: encoders, decoders, and the autoencoder that composes them."""

from aedenoise.models.autoencoder import Autoencoder, build_autoencoder, to_image
from aedenoise.models.decoders import TransposeDecoder, UpsampleDecoder
from aedenoise.models.encoders import Encoder

__all__ = [
    "Autoencoder",
    "Encoder",
    "TransposeDecoder",
    "UpsampleDecoder",
    "build_autoencoder",
    "to_image",
]
