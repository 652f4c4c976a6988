"""Corruptions: pure functions from a clean image to a noisy one.

Images are float32 in [0, 1], shape ``[H, W, C]``; levels are scalars in units of that range. A
noisy image exceeds [0, 1] only if clipping is off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.config import NOISE_SPECS, RECORDED, NoiseConfig, noise_parts
from aedenoise.ops.images import pair, scale

Level = Array | float
# The side of the squares of `blocks` is the shorter side of the image divided by this.
_BLOCK_SHARE = 7


class Noisy(NamedTuple):
    """A noisy image ``[..., H, W, C]``, and its noise level ``[...]``."""

    image: Array
    level: Array


@dataclass(frozen=True)
class Corruption:
    """A corruption as a function.

    Attributes:
      apply: ``(key, image[H, W, C]) -> Noisy``.
      fresh: whether the noise of an example differs from step to step.
      paired: whether stored images hold the noisy version and then the clean one, see
        ``ops.images.pair``; nothing is added to them.
    """

    apply: Callable[[Array, Array], Noisy]
    fresh: bool
    paired: bool = False


def corruption(config: NoiseConfig, *, paired: bool = False) -> Corruption:
    """Makes the corruption that ``config`` describes; ``paired`` images have their noisy version
    beside them."""
    parts = [
        (
            partial(_KINDS[kind], mean=config.mean)
            if NOISE_SPECS[kind].takes_mean
            else _KINDS[kind],
            own,
        )
        for kind, own in noise_parts(config.kind)
    ]

    def apply(key: Array, image: Array) -> Noisy:
        stated = bool(parts) or config.kind == RECORDED
        level: Level = jnp.float32(config.level if stated else 0.0)
        if config.level_max is not None:
            key, level_key = jax.random.split(key)
            level = jax.random.uniform(level_key, (), jnp.float32, config.level, config.level_max)
        noisy = image
        for number, (add, own) in enumerate(parts):
            # Without folding for a single part, so that its bits are those of the part alone.
            part_key = key if len(parts) == 1 else jax.random.fold_in(key, number)
            noisy = add(part_key, noisy, level if own is None else jnp.float32(own))
        if config.clip:
            noisy = jnp.clip(noisy, 0.0, 1.0)
        return Noisy(noisy, jnp.asarray(level))

    return Corruption(apply, config.fresh, paired)


def corrupt_batch(
    corrupt: Corruption, key: Array, step: Array | int, index: Array, images: Array
) -> Noisy:
    """Corrupts ``images[B, H, W, C]`` with noise that depends on (key, step, example) only; on
    (key, example) where noise is drawn once.

    ``index[B]`` is each example's index in its dataset. Since the key is folded per example,
    the noise has the same bits however the batch is sharded.
    """
    keys = example_keys(key, step if corrupt.fresh else 0, index)
    return jax.vmap(corrupt.apply)(keys, images)


def clean_images(corrupt: Corruption, stored: Array) -> Array:
    """Returns the clean images ``[B, H, W, C]`` in [0, 1] among the pixels of a dataset."""
    return scale(pair(stored)[1] if corrupt.paired else stored)


def noisy_images(
    corrupt: Corruption, key: Array, step: Array | int, index: Array, stored: Array
) -> Noisy:
    """Corrupts the pixels of a dataset, see ``corrupt_batch``; of pairs, returns the noisy ones."""
    if corrupt.paired:
        image = scale(pair(stored)[0])
        return Noisy(image, jnp.zeros(len(image), jnp.float32))
    return corrupt_batch(corrupt, key, step, index, scale(stored))


def example_keys(key: Array, step: Array | int, index: Array) -> Array:
    """Returns a key for each example ``index[B]`` at ``step``."""
    return jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(key, step), index)


def gaussian(key: Array, image: Array, level: Level, *, mean: float = 0.0) -> Array:
    """Adds ``N(mean, level**2)`` to every value."""
    noisy: Array = image + level * jax.random.normal(key, image.shape, jnp.float32)
    return noisy + mean if mean else noisy


def uniform(key: Array, image: Array, level: Level, *, mean: float = 0.0) -> Array:
    """Adds ``mean``, and a value uniform in [-level, level], to every value."""
    unit: Array = jax.random.uniform(key, image.shape, jnp.float32, -1.0, 1.0)
    return image + level * unit + mean


def speckle(key: Array, image: Array, level: Level) -> Array:
    """Multiplies every value by ``1 + N(0, level**2)``."""
    return image + image * (level * jax.random.normal(key, image.shape, jnp.float32))


def poisson(key: Array, image: Array, level: Level) -> Array:
    """Counts photons, ``1 / level**2`` of them on average where the image is 1, and scales back:
    mean ``image``, variance ``image * level**2``."""
    variance = jnp.maximum(jnp.square(level), _LEAST_VARIANCE)
    counts = jax.random.poisson(key, jnp.maximum(image, 0.0) / variance, image.shape)
    noisy = counts.astype(jnp.float32) * variance
    return jnp.where(jnp.square(level) < _LEAST_VARIANCE, image, noisy)


# At 10 million photons float32 images do not show the noise; smaller variances would overflow
# the counts.
_LEAST_VARIANCE = 1e-7


def poisson_gaussian(key: Array, image: Array, level: Level) -> Array:
    """Adds normal noise of variance ``level**2 (s image + 1 - s)``, like a camera's: one part grows
    with the light, the other does not. The share ``s`` of the first is uniform in [0, 1] for each
    image."""
    share_key, key = jax.random.split(key)
    share = jax.random.uniform(share_key, (), jnp.float32)
    deviation = level * jnp.sqrt(share * jnp.maximum(image, 0.0) + 1.0 - share)
    return image + deviation * jax.random.normal(key, image.shape, jnp.float32)


def salt_pepper(key: Array, image: Array, level: Level) -> Array:
    """Sets a share ``level`` of the pixels to 0 or 1, each half of the time."""
    u = jax.random.uniform(key, (*image.shape[:2], 1), jnp.float32)
    return jnp.where(u < level, (u < 0.5 * level).astype(jnp.float32), image)


def masking(key: Array, image: Array, level: Level) -> Array:
    """Sets a share ``level`` of the pixels to 0 (Vincent et al. 2008)."""
    u = jax.random.uniform(key, (*image.shape[:2], 1), jnp.float32)
    return jnp.where(u < level, 0.0, image)


def blocks(key: Array, image: Array, level: Level) -> Array:
    """Sets a share ``level`` of squares to 0. Their side is a seventh of the shorter side of the
    image; they form a grid with a random origin."""
    height, width, _ = image.shape
    side = max(1, min(height, width) // _BLOCK_SHARE)
    place_key, key = jax.random.split(key)
    top, left = jax.random.randint(place_key, (2,), 0, side)
    rows, columns = height // side + 2, width // side + 2
    hit = jax.random.uniform(key, (rows, columns), jnp.float32) < level
    row, column = (jnp.arange(height) + top) // side, (jnp.arange(width) + left) // side
    return jnp.where(hit[row[:, None], column[None, :], None], 0.0, image)


def quantisation(key: Array, image: Array, level: Level) -> Array:
    """Rounds every value to a multiple of ``level``; nothing is random."""
    step = jnp.maximum(level, _LEAST_STEP)
    return jnp.where(level < _LEAST_STEP, image, jnp.round(image / step) * step)


# Far below the resolution of 16-bit images; avoids a division by zero.
_LEAST_STEP = 1e-6
_KINDS: dict[str, Callable[..., Array]] = {
    "gaussian": gaussian,
    "uniform": uniform,
    "speckle": speckle,
    "poisson": poisson,
    "poisson_gaussian": poisson_gaussian,
    "salt_pepper": salt_pepper,
    "masking": masking,
    "blocks": blocks,
    "quantisation": quantisation,
}
