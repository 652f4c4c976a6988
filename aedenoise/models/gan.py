"""A generator made of a decoder, and a discriminator made of an encoder's stages."""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.config import ModelConfig
from aedenoise.models.autoencoder import build_decoder
from aedenoise.models.classifier import Classifier
from aedenoise.models.encoders import Encoder
from aedenoise.models.initializers import kernel_initializer


class Generator(nn.Module):
    """Normal numbers ``[B, L]`` to logits ``[B, H, W, C]``: dense layers make the code that the
    encoder would, and any of the denoisers' decoders makes an image of it.

    The code decides what is drawn, the decoder only how: of linear codes (``hidden`` empty) many
    are no digit. What is hidden has mean zero (tanh); of units that are never negative (ReLU) all
    codes went the same way at once, and all images became one.

    Attributes:
      decoder: from a code to logits.
      code_shape: height, width and channels of the code.
      hidden: widths of the layers before the code.
    """

    decoder: nn.Module
    code_shape: tuple[int, int, int]
    hidden: tuple[int, ...] = ()
    initializer: str = "he"

    def setup(self) -> None:
        self.layers = [nn.Dense(width) for width in self.hidden]
        self.dense = nn.Dense(
            math.prod(self.code_shape), kernel_init=kernel_initializer(self.initializer)
        )

    def __call__(self, latent: Array) -> Array:
        return self.decode(self.code(latent))

    def code(self, latent: Array) -> Array:
        """The code ``[B, h, w, F]``, none of it below zero, as of an encoder."""
        found = latent
        for layer in self.layers:
            found = jnp.tanh(layer(found))
        code: Array = self.dense(found)
        return jax.nn.relu(code).reshape(-1, *self.code_shape)

    def decode(self, code: Array) -> Array:
        """Logits, float32 ``[B, H, W, C]``, of a code."""
        logits: Array = self.decoder(code)
        return logits.astype(jnp.float32)


def build_generator(
    config: ModelConfig, image_shape: tuple[int, int, int], *, lowering: str = "auto"
) -> Generator:
    """The generator that ``config`` describes, of images of shape ``[H, W, C]``, whose sides its
    strides must divide."""
    height, width, channels = image_shape
    unit = config.downsampling
    code_shape = (height // unit, width // unit, config.encoder_features[-1])
    decoder = build_decoder(config, channels, lowering=lowering)
    return Generator(decoder, code_shape, config.hidden, config.initializer)


def build_discriminator(config: ModelConfig, *, lowering: str = "auto") -> Classifier:
    """The discriminator beside ``config``: the encoder's stages, a dense layer, and one logit,
    which is above zero where an image looks real."""
    encoder = Encoder(
        config.encoder_features,
        config.stride,
        lowering,
        config.precision,
        initializer=config.initializer,
    )
    return Classifier(encoder, config.downsampling, 1)
