"""Encoding of clean images to rows of features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise.data.batches import eval_batches
from aedenoise.models import Autoencoder, Encoding
from aedenoise.ops.images import scale, scale_numpy

_BATCH = 256
# (parameters, images [B, H, W, C] in [0, 1]) -> rows [B, F]
Encode = Callable[[Any, Array], Array]


def make_encode(model: Autoencoder) -> Encode:
    """Makes the pure function from images to flattened codes.

    Networks conditioned on the noise level receive level 0. Argmax indices of max-pooling are
    dropped.
    """

    def encode(params: Any, image: Array) -> Array:
        levels = jnp.zeros(len(image), jnp.float32)
        found: Any = model.apply({"params": params}, image, levels, method="encode")
        code = found.code if isinstance(found, Encoding) else found
        return code.reshape(len(image), -1).astype(jnp.float32)

    return encode


def encode_images(encode: Encode, params: Any, images: Any, rows: np.ndarray) -> np.ndarray:
    """Encodes the images of a split at the indices ``rows``.

    Args:
      encode: function made by ``make_encode``.
      params: parameters of the network.
      images: split, uint8 ``[N, H, W, C]``.
      rows: indices into ``images``.

    Returns:
      Codes, float32 ``[len(rows), F]``.
    """
    compiled = jax.jit(lambda params, image: encode(params, scale(image)))
    found = []
    for start in range(0, len(rows), _BATCH):
        chosen = np.asarray(images[rows[start : start + _BATCH]])
        batch = next(eval_batches(chosen, _BATCH))  # padded: one shape, one compilation
        found.append(np.asarray(compiled(params, batch.image))[batch.mask])
    return np.concatenate(found)


def flatten_pixels(images: Any, rows: np.ndarray) -> np.ndarray:
    """Returns the pixels of ``images[rows]`` in [0, 1], float32 ``[len(rows), H W C]``."""
    chosen = np.asarray(images[rows])
    return scale_numpy(chosen.reshape(len(chosen), -1))
