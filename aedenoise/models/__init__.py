"""Flax linen modules: encoders, decoders, autoencoders, a classifier, a GAN."""

from aedenoise.models.autoencoder import (
    Autoencoder,
    abstract_params,
    build_autoencoder,
    build_decoder,
    predict,
)
from aedenoise.models.classifier import Classifier, build_classifier
from aedenoise.models.content_decoders import CarafeDecoder, MaxUnpoolDecoder
from aedenoise.models.custom import ImageModel
from aedenoise.models.decoders import PlainDecoder
from aedenoise.models.encoders import Encoder, Encoding, PlainEncoder, constant_code
from aedenoise.models.gan import Generator, build_discriminator, build_generator
from aedenoise.models.learned_decoders import (
    ParallelTransposeDecoder,
    SmoothTransposeDecoder,
    SubpixelDecoder,
    TransposeDecoder,
)
from aedenoise.models.resize_decoders import AdditiveDecoder, UpsampleDecoder

__all__ = [
    "AdditiveDecoder",
    "Autoencoder",
    "CarafeDecoder",
    "Classifier",
    "Encoder",
    "Encoding",
    "Generator",
    "ImageModel",
    "MaxUnpoolDecoder",
    "ParallelTransposeDecoder",
    "PlainDecoder",
    "PlainEncoder",
    "SmoothTransposeDecoder",
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
