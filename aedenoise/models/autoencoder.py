"""The autoencoder: an encoder and a decoder, composed."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.config import ModelConfig
from aedenoise.config.decoders import is_class_name
from aedenoise.models.decoders import DECODERS, PlainDecoder
from aedenoise.models.encoders import Encoder, PlainEncoder
from aedenoise.models.mlp import DenseDecoder, DenseEncoder
from aedenoise.models.named_decoders import build_named_decoder, check_named_decoder
from aedenoise.models.published import PUBLISHED
from aedenoise.ops.images import to_image, to_logits
from aedenoise.ops.noise import Noisy


class Autoencoder(nn.Module):
    """``decoder(encoder(image))``: images ``[B, H, W, C]`` in [0, 1] to logits of that shape.

    ``to_image`` turns logits into an image. With two stages of stride 2, height and width must be
    divisible by 4; ``max_unpool`` takes any size. If ``conditioned``, the noise level of each
    image, ``[B]`` in units of the [0, 1] range, is an additional channel of the encoder's input;
    otherwise levels are ignored. If ``residual``, encoder and decoder estimate the noise, which is
    subtracted from the image, and the logits are those of the difference.
    """

    encoder: nn.Module
    decoder: nn.Module
    conditioned: bool = False
    residual: bool = False

    def __call__(self, image: Array, level: Array | None = None) -> Array:
        logits = self._decode(self.encode(image, level), image)
        if logits.shape != image.shape:
            raise ValueError(
                f"an image of shape {image.shape} came back as {logits.shape}: "
                "encoder and decoder do not mirror each other"
            )
        return logits

    def encode(self, image: Array, level: Array | None = None) -> Any:
        """Returns the code ``[B, H/d, W/d, F]``; an ``encoders.Encoding`` where the decoder reads
        argmax indices or skip connections."""
        if not self.conditioned:
            return self.encoder(image)
        if level is None:
            raise ValueError("this network is conditioned on the noise level; pass level")
        # One constant channel per image: convolutions see the level at every pixel.
        channel = jnp.broadcast_to(level[:, None, None, None], (*image.shape[:3], 1))
        return self.encoder(jnp.concatenate([image, channel], axis=-1))

    def decode(self, code: Any) -> Array:
        """Returns the logits, float32 ``[B, H, W, C]``, of a code; if ``residual``, of a grey
        image from which the noise is subtracted."""
        return self._decode(code, jnp.float32(0.5))

    def _decode(self, code: Any, noisy: Array) -> Array:
        # The loss needs float32 even where the convolutions run in bfloat16.
        output: Array = self.decoder(code).astype(jnp.float32)
        return to_logits(noisy - output) if self.residual else output


def predict(model: Autoencoder, params: Any, noisy: Noisy) -> Array:
    """Returns the denoised images in [0, 1], ``[B, H, W, C]``."""
    logits: Any = model.apply({"params": params}, *noisy)
    return to_image(logits)


def build_autoencoder(
    config: ModelConfig,
    channels: int = 1,
    *,
    lowering: str = "auto",
    size: tuple[int, int] = (28, 28),
) -> Autoencoder:
    """Builds the autoencoder that ``config`` describes, for images of ``channels`` channels; a
    dense one takes images of height and width ``size`` only.

    Raises:
      UsageError: if the decoder is a ``module:Class`` that does not fit, see
        ``models.named_decoders``.
    """
    if config.network == "mlp":
        dense = DenseEncoder(
            (*size, channels),
            config.widths,
            config.activation,
            config.precision,
            config.initializer,
        )
        return Autoencoder(encoder=dense, decoder=DenseDecoder(dense, config.tied))
    if config.network in PUBLISHED:
        encoder, decoder = PUBLISHED[config.network]
        common = {"channels": channels, "lowering": lowering, "precision": config.precision}
        return Autoencoder(encoder=encoder(**common), decoder=decoder(**common))
    build_encoder = PlainEncoder if config.network == "plain" else Encoder
    model = Autoencoder(
        encoder=build_encoder(
            config.encoder_features,
            config.stride,
            lowering,
            config.precision,
            keep_argmax=config.decoder_spec.needs_argmax,
            keep_skips=config.skip != "none",
            convs=config.convs,
            initializer=config.initializer,
        ),
        decoder=build_decoder(config, channels, lowering=lowering),
        conditioned=config.condition == "noise_level",
        residual=config.residual,
    )
    if is_class_name(config.decoder):
        height, width = (config.fitting(side) or side for side in size)
        image = jnp.zeros((1, height, width, channels))
        code = jax.eval_shape(
            lambda: model.init_with_output(jax.random.key(0), image, jnp.zeros(1), method="encode")[
                0
            ]
        )
        check_named_decoder(config.decoder, model.decoder, code, (height, width, channels))
    return model


def abstract_params(model: nn.Module, *inputs: Array) -> Any:
    """Returns shapes and dtypes of the parameters of ``model`` for ``inputs``; computes nothing."""
    return jax.eval_shape(lambda: model.init(jax.random.key(0), *inputs))["params"]


def build_decoder(config: ModelConfig, channels: int = 1, *, lowering: str = "auto") -> nn.Module:
    """Builds the decoder that ``config`` describes, to logits of ``channels`` channels."""
    common: dict[str, Any] = {
        "features": config.decoder_features,
        "channels": channels,
        "kernel_size": config.kernel_size,
        "stride": config.stride,
        "lowering": lowering,
        "precision": config.precision,
        "initializer": config.initializer,
        "skip": config.skip,
        "convs": config.convs,
    }
    if config.network == "plain":
        return PlainDecoder(**common)
    if is_class_name(config.decoder):
        return build_named_decoder(config, common)
    return DECODERS[config.decoder](config, **common)
