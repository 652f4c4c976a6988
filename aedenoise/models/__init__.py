"""Flax linen modules: encoders, decoders, the autoencoder that composes them, a classifier."""

from aedenoise.models.autoencoder import Autoencoder, build_autoencoder, to_image
from aedenoise.models.classifier import Classifier, build_classifier
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
    "Classifier",
    "Encoder",
    "MaxUnpoolDecoder",
    "Remembered",
    "SubpixelDecoder",
    "TransposeDecoder",
    "UpsampleDecoder",
    "build_autoencoder",
    "build_classifier",
    "constant_code",
    "to_image",
]
