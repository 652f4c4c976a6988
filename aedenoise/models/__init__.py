"""Flax linen modules: encoders, decoders, autoencoders, a classifier, a GAN."""

from aedenoise.models.autoencoder import (
    Autoencoder,
    abstract_params,
    build_autoencoder,
    build_decoder,
    predict,
)
from aedenoise.models.classifier import Classifier, build_classifier
from aedenoise.models.custom import ImageModel
from aedenoise.models.decoders import (
    AdditiveDecoder,
    MaxUnpoolDecoder,
    PlainDecoder,
    SubpixelDecoder,
    TransposeDecoder,
    UpsampleDecoder,
)
from aedenoise.models.encoders import Encoder, Encoding, PlainEncoder, constant_code
from aedenoise.models.gan import Generator, build_discriminator, build_generator

__all__ = [
    "AdditiveDecoder",
    "Autoencoder",
    "Classifier",
    "Encoder",
    "Encoding",
    "Generator",
    "ImageModel",
    "MaxUnpoolDecoder",
    "PlainDecoder",
    "PlainEncoder",
    "SubpixelDecoder",
    "TransposeDecoder",
    "UpsampleDecoder",
    "abstract_params",
    "build_autoencoder",
    "build_classifier",
    "build_decoder",
    "build_discriminator",
    "build_generator",
    "constant_code",
    "predict",
]
