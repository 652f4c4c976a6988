"""GAN: a generator built on a decoder, and a discriminator built on encoder stages."""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.config import ModelConfig
from aedenoise.config.decoders import is_class_name
from aedenoise.models.autoencoder import build_decoder
from aedenoise.models.classifier import Classifier
from aedenoise.models.encoders import Encoder
from aedenoise.models.initializers import kernel_initializer
from aedenoise.models.named_decoders import check_named_decoder


class Generator(nn.Module):
    """Generator from normal latents ``[B, L]`` to logits ``[B, H, W, C]``: dense layers compute a
    code of the encoder's shape, and any of the denoisers' decoders turns it into an image.

    The code determines the content, the decoder the rendering: with linear codes (``hidden``
    empty) many samples are no digit. Hidden units use tanh, which is centred at zero: with ReLU
    all codes drifted in one direction, and the generator collapsed to one image.

    Attributes:
      decoder: module from a code to logits.
      code_shape: height, width and channels of the code.
      hidden: widths of the layers before the code.
      initializer: see ``ModelConfig``.
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
        """Computes the code ``[B, h, w, F]``, non-negative like that of an encoder."""
        found = latent
        for layer in self.layers:
            found = jnp.tanh(layer(found))
        code: Array = self.dense(found)
        return jax.nn.relu(code).reshape(-1, *self.code_shape)

    def decode(self, code: Array) -> Array:
        """Decodes a code to logits, float32 ``[B, H, W, C]``."""
        logits: Array = self.decoder(code)
        return logits.astype(jnp.float32)


def build_generator(
    config: ModelConfig, image_shape: tuple[int, int, int], *, lowering: str = "auto"
) -> Generator:
    """Builds the generator that ``config`` describes, for images of shape ``[H, W, C]``; its
    strides must divide both sides."""
    height, width, channels = image_shape
    unit = config.downsampling
    code_shape = (height // unit, width // unit, config.encoder_features[-1])
    decoder = build_decoder(config, channels, lowering=lowering)
    if is_class_name(config.decoder):
        code = jax.ShapeDtypeStruct((1, *code_shape), jnp.float32)
        check_named_decoder(config.decoder, decoder, code, image_shape)
    return Generator(decoder, code_shape, config.hidden, config.initializer)


def build_discriminator(config: ModelConfig, *, lowering: str = "auto") -> Classifier:
    """Builds the discriminator that ``config`` describes: encoder stages, a dense layer, and one
    logit, positive for images judged real."""
    encoder = Encoder(
        config.encoder_features,
        config.stride,
        lowering,
        config.precision,
        initializer=config.initializer,
    )
    return Classifier(encoder, config.downsampling, 1)
