"""A classifier of images: the encoder's stages, a dense layer of features, and logits."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.models.encoders import Encoder

# Stages halve an image until its sides have no more pixels than this.
_CODE_SIDE = 8
_FIRST_STAGE, _LATER_STAGES = 16, 32


class Classifier(nn.Module):
    """Images ``[B, H, W, C]`` in [0, 1], all of one size, to logits of the classes.

    Any size works: below and to the right, black pixels are added until the stages can halve it.

    Attributes:
      encoder: to a code ``[B, h, w, F]``, dividing sides by ``downsampling``.
      downsampling: see there.
      classes: how many there are.
      width: how many features an image has.
    """

    encoder: nn.Module
    downsampling: int
    classes: int
    width: int = 128

    def setup(self) -> None:
        self.hidden = nn.Dense(self.width, kernel_init=nn.initializers.he_normal())
        self.out = nn.Dense(self.classes)

    def __call__(self, image: Array) -> Array:
        """Logits, float32 ``[B, classes]``."""
        logits: Array = self.out(self.features(image))
        return logits.astype(jnp.float32)

    def features(self, image: Array) -> Array:
        """What the logits are linear in: float32 ``[B, width]``, none below zero."""
        _, height, width, _ = image.shape
        below, beside = -height % self.downsampling, -width % self.downsampling
        code: Array = self.encoder(jnp.pad(image, ((0, 0), (0, below), (0, beside), (0, 0))))
        hidden: Array = self.hidden(code.reshape(code.shape[0], -1).astype(jnp.float32))
        return jax.nn.relu(hidden)


def build_classifier(
    image_shape: tuple[int, int, int], classes: int, *, lowering: str = "auto"
) -> Classifier:
    """The classifier for images of shape ``[H, W, C]``; for 28 x 28 pixels it has two stages."""
    stages = 1
    while -(-max(image_shape[:2]) // 2**stages) > _CODE_SIDE:
        stages += 1
    widths = (_FIRST_STAGE, *[_LATER_STAGES] * (stages - 1))
    return Classifier(Encoder(widths, 2, lowering), 2**stages, classes)
