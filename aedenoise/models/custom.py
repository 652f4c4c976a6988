"""Adapter for a user's own linen modules."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from aedenoise.errors import UsageError


class ImageModel:
    """A module from images to logits, with the interface of ``Autoencoder``.

    Its parameters are those of ``network``. It has no encoder: the image serves as code, so the
    response to a constant code is the response to a constant image.

    Args:
      network: linen module, images ``[B, H, W, C]`` in [0, 1] to logits of that shape.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def init(self, key: Array, image: Array, level: Array | None = None) -> Any:
        """Initialises the variables; see ``flax.linen.Module.init``."""
        return self.network.init(key, image)

    def apply(
        self,
        variables: Any,
        image: Array,
        level: Array | None = None,
        *,
        method: str | None = None,
    ) -> Array:
        """Returns logits, float32 ``[B, H, W, C]``; with ``method="encode"`` the image itself.

        Raises:
          UsageError: if the network changes the shape of the image.
        """
        if method == "encode":
            return image
        logits: Any = self.network.apply(variables, image)
        if logits.shape != image.shape:
            raise UsageError(
                f"model {type(self.network).__name__} returns shape {logits.shape} for images "
                f"{image.shape}; return logits of the images' shape"
            )
        return jnp.asarray(logits, jnp.float32)
