"""Conversions between uint8 pixels, float32 in [0, 1], and logits; the only place that scales.

Noisy pictures of more than 8 bits are float32 from the start, and pass unchanged.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def scale(image: Array) -> Array:
    """Scales uint8 pixels to float32 in [0, 1], on the device; float32 passes unchanged."""
    if image.dtype == jnp.float32:
        return image
    # XLA compiles the division to a product with a rounded 1/255, which maps 255 just above 1.
    return jnp.minimum(image.astype(jnp.float32) / 255.0, 1.0)


def pair(image: Any) -> tuple[Any, Any]:
    """Divides stored pairs ``[..., 2C]`` into noisy and clean images; NumPy or JAX."""
    channels = image.shape[-1] // 2
    return image[..., :channels], image[..., channels:]


def scale_numpy(image: np.ndarray) -> np.ndarray:
    """Scales pixels from 0 to 255 to float32 in [0, 1], on the host. uint8 is divided in float32,
    exactly rounded; means in float64 are rounded once, at the end."""
    values = image if image.dtype == np.float64 else image.astype(np.float32)
    return (values / values.dtype.type(255.0)).astype(np.float32, copy=False)


def to_image(logits: Array) -> Array:
    """Converts logits to an image in [0, 1] by the sigmoid."""
    return jax.nn.sigmoid(logits)


@jax.custom_jvp
def to_logits(image: Array) -> Array:
    """Inverts ``to_image``: float values become logits.

    Values are clipped to [1e-4, 1 - 1e-4]. Gradients pass as if they were not, so that training can
    correct a value outside of the range: for ``to_image(to_logits(x))`` they are those of the
    identity.
    """
    inside = _clipped(image)
    return jnp.log(inside) - jnp.log1p(-inside)


@to_logits.defjvp
def _to_logits_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    inside = _clipped(primals[0])
    return to_logits(primals[0]), tangents[0] / (inside * (1.0 - inside))


def _clipped(image: Array) -> Array:
    return jnp.clip(image, _LEAST, 1.0 - _LEAST)


# A fortieth of an 8-bit grey level: logits of 0 and 1 are infinite.
_LEAST = 1e-4
