"""The code of clean images, as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise.data.batches import eval_batches
from aedenoise.models import Autoencoder, PooledCode
from aedenoise.ops.images import scale, scale_numpy

_BATCH = 256
# Parameters and images [B, H, W, C] in [0, 1] to rows [B, F].
Encode = Callable[[Any, Array], Array]


def make_encode(model: Autoencoder) -> Encode:
    """Makes the pure function from images to their code, flattened. A network that takes the level
    of the noise receives level 0; argmax indices are dropped."""

    def encode(params: Any, image: Array) -> Array:
        levels = jnp.zeros(len(image), jnp.float32)
        found: Any = model.apply({"params": params}, image, levels, method="encode")
        code = found.code if isinstance(found, PooledCode) else found
        return code.reshape(len(image), -1).astype(jnp.float32)

    return encode


def encode_images(encode: Encode, params: Any, images: Any, rows: np.ndarray) -> np.ndarray:
    """Encodes the images in ``rows`` of a split, uint8 ``[N, H, W, C]``, to float32
    ``[len(rows), F]``."""
    compiled = jax.jit(lambda params, image: encode(params, scale(image)))
    found = []
    for start in range(0, len(rows), _BATCH):
        chosen = np.asarray(images[rows[start : start + _BATCH]])
        batch = next(eval_batches(chosen, _BATCH))  # padded: one program serves the last, too
        found.append(np.asarray(compiled(params, batch.image))[batch.mask])
    return np.concatenate(found)


def flatten_pixels(images: Any, rows: np.ndarray) -> np.ndarray:
    """Returns the pixels of the same images in [0, 1], float32 ``[len(rows), H W C]``."""
    chosen = np.asarray(images[rows])
    return scale_numpy(chosen.reshape(len(chosen), -1))
