"""The autoencoder: an encoder and a decoder, composed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.experiment import ModelConfig
from aedenoise.models.decoders import TransposeDecoder, UpsampleDecoder
from aedenoise.models.encoders import Encoder


class Autoencoder(nn.Module):
    """``decoder(encoder(image))``: images ``[B, H, W, C]`` in [0, 1] to logits of that shape.

    ``to_image`` turns logits into an image. With two stages of stride 2, any height and width
    divisible by 4 works.
    """

    encoder: nn.Module
    decoder: nn.Module

    def __call__(self, image: Array) -> Array:
        logits = self.decode(self.encode(image))
        if logits.shape != image.shape:
            raise ValueError(
                f"an image of shape {image.shape} came back as {logits.shape}: "
                "encoder and decoder do not mirror each other"
            )
        return logits

    def encode(self, image: Array) -> Array:
        """The code ``[B, H/d, W/d, F]``."""
        code: Array = self.encoder(image)
        return code

    def decode(self, code: Array) -> Array:
        """Logits, float32 ``[B, H, W, C]``."""
        logits: Array = self.decoder(code)
        return logits.astype(jnp.float32)


def build_autoencoder(
    config: ModelConfig, channels: int = 1, *, lowering: str = "auto"
) -> Autoencoder:
    """The autoencoder that ``config`` describes, for images of ``channels`` channels."""
    return Autoencoder(
        encoder=Encoder(config.encoder_features, config.stride, lowering, config.precision),
        decoder=_DECODERS[config.decoder](
            features=config.decoder_features,
            channels=channels,
            kernel_size=config.kernel_size,
            stride=config.stride,
            lowering=lowering,
            precision=config.precision,
        ),
    )


def to_image(logits: Array) -> Array:
    """The image in [0, 1] that logits stand for."""
    return jax.nn.sigmoid(logits)


_DECODERS: dict[str, Callable[..., nn.Module]] = {
    "upsample": partial(UpsampleDecoder, method="nearest"),
    "bilinear": partial(UpsampleDecoder, method="bilinear"),
    "transpose": TransposeDecoder,
}
