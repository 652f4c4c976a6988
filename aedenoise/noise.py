"""Corruptions: pure functions from a clean image to a noisy one.

Images are float32 in [0, 1], shape ``[H, W, C]``; levels are in units of that range. A noisy
image leaves [0, 1] only where clipping is off.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.experiment import NoiseConfig

Corruption = Callable[[Array, Array], Array]


def corruption(config: NoiseConfig) -> Corruption:
    """The function ``(key, image) -> noisy`` that ``config`` describes."""
    return _CORRUPTIONS[config.kind](config)


def gaussian(key: Array, image: Array, *, sigma: float, clip: bool) -> Array:
    """Adds ``N(0, sigma**2)`` to every value of ``image``, then clips to [0, 1] if asked."""
    noisy = image + jnp.float32(sigma) * jax.random.normal(key, image.shape, jnp.float32)
    return jnp.clip(noisy, 0.0, 1.0) if clip else noisy


def corrupt_batch(
    corrupt: Corruption, key: Array, step: Array | int, index: Array, images: Array
) -> Array:
    """Corrupts ``images[B, H, W, C]`` with noise that depends on (key, step, example) alone.

    ``index[B]`` is each example's place in its dataset. Since the key is folded per example,
    the noise is the same bits however the batch is spread over devices.
    """
    step_key = jax.random.fold_in(key, step)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(step_key, index)
    return jax.vmap(corrupt)(keys, images)


_CORRUPTIONS: dict[str, Callable[[NoiseConfig], Corruption]] = {
    "gaussian": lambda config: (
        lambda key, image: gaussian(key, image, sigma=config.level, clip=config.clip)
    ),
}
