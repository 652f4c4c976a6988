"""An image classifier: encoder stages, a dense feature layer, and logits."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.models.encoders import Encoder

# Stages halve an image until neither side exceeds this, in pixels.
_CODE_SIDE = 8
_FIRST_STAGE, _LATER_STAGES = 16, 32


class Classifier(nn.Module):
    """Classifier of images ``[B, H, W, C]`` in [0, 1], all of one size, to logits of the classes.

    Any size works: images are padded with zeros at the bottom and right to a multiple of
    ``downsampling``.

    Attributes:
      encoder: module from images to a code ``[B, h, w, F]``.
      downsampling: factor between the sides of the image and of the code.
      classes: number of classes.
      width: number of features.
    """

    encoder: nn.Module
    downsampling: int
    classes: int
    width: int = 128

    def setup(self) -> None:
        self.hidden = nn.Dense(self.width, kernel_init=nn.initializers.he_normal())
        self.out = nn.Dense(self.classes)

    def __call__(self, image: Array) -> Array:
        """Computes logits, float32 ``[B, classes]``."""
        logits: Array = self.out(self.features(image))
        return logits.astype(jnp.float32)

    def features(self, image: Array) -> Array:
        """Computes the features before the last layer, float32 ``[B, width]``, non-negative."""
        _, height, width, _ = image.shape
        below, right = -height % self.downsampling, -width % self.downsampling
        code: Array = self.encoder(jnp.pad(image, ((0, 0), (0, below), (0, right), (0, 0))))
        hidden: Array = self.hidden(code.reshape(code.shape[0], -1).astype(jnp.float32))
        return jax.nn.relu(hidden)


def build_classifier(
    image_shape: tuple[int, int, int], classes: int, *, lowering: str = "auto"
) -> Classifier:
    """Builds the classifier for images of shape ``[H, W, C]``; two stages for 28 x 28 pixels."""
    stages = 1
    while -(-max(image_shape[:2]) // 2**stages) > _CODE_SIDE:
        stages += 1
    widths = (_FIRST_STAGE, *[_LATER_STAGES] * (stages - 1))
    return Classifier(Encoder(widths, 2, lowering), 2**stages, classes)
