"""What training makes small, per example: losses against the clean image, and some without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise.losses import reconstruction
from aedenoise.ops.images import to_image
from aedenoise.ops.noise import Corruption, Noisy

# Images [B, H, W, C] and their levels [B] to logits.
Denoise = Callable[[Array, Array], Array]


class Examples(NamedTuple):
    """A batch as training sees it.

    Attributes:
      clean: ``[B, H, W, C]`` in [0, 1].
      noisy: the input of the network.
      keys: ``[B]``, for whatever else is random.
      corrupt: what made ``noisy`` of ``clean``.
      in_warmup: bool, whether the learning rate still rises; see ``with_bce_warmup``.
    """

    clean: Array
    noisy: Noisy
    keys: Array
    corrupt: Corruption
    in_warmup: Array | bool = False


Objective = Callable[[Denoise, Examples], Array]


def supervised(loss: reconstruction.Loss) -> Objective:
    """The loss between what the network makes of the noisy image and the clean one."""

    def objective(denoise: Denoise, examples: Examples) -> Array:
        logits = denoise(*examples.noisy)
        own = loss(logits, examples.clean)
        return with_bce_warmup(examples, own, reconstruction.bce(logits, examples.clean))

    return objective


def with_bce_warmup(examples: Examples, own: Array, start: Array) -> Array:
    """The objective's ``own`` value, or ``start`` while the learning rate rises: a cross-entropy
    whose minimum is the same mean.

    Of other losses the gradient by a logit vanishes where the sigmoid saturates. An image that is
    mostly black drives it there in the first steps, and it never comes back: the network answers
    black whatever it sees.
    """
    if examples.in_warmup is False:
        return own
    return jnp.where(examples.in_warmup, start, own)


def emphasis(denoise: Denoise, examples: Examples) -> Array:
    """``reconstruction.emphasized_bce``: corrupted are the pixels that the noise has changed."""
    corrupted = examples.noisy.image != examples.clean
    return reconstruction.emphasized_bce(denoise(*examples.noisy), examples.clean, corrupted)


def noise2noise(denoise: Denoise, examples: Examples) -> Array:
    """Squared error to the same image with other noise (Lehtinen et al. 2018)."""
    target = jax.vmap(examples.corrupt.apply)(examples.keys, examples.clean).image
    logits = denoise(*examples.noisy)
    return with_bce_warmup(
        examples, reconstruction.mse(logits, target), reconstruction.bce(logits, target)
    )


def noise2self(denoise: Denoise, examples: Examples) -> Array:
    """Squared error to the noisy image itself, at pixels that the network cannot see there.

    One pixel of each block of 4 x 4, at a place drawn for each example, is replaced by the mean
    of its neighbours (Batson and Royer 2019).
    """
    image, level = examples.noisy
    hidden = jax.vmap(lambda key: _one_of_each_block(key, *image.shape[1:3]))(examples.keys)
    hidden = hidden[..., None]
    logits = denoise(jnp.where(hidden, _mean_of_neighbours(image), image), level)
    restored = to_image(logits)
    count = jnp.sum(hidden, axis=(1, 2, 3)) * image.shape[-1]

    def hidden_mean(values: Array) -> Array:
        return jnp.sum(jnp.where(hidden, values, 0.0), axis=(1, 2, 3)) / count

    entropy = hidden_mean(jax.nn.softplus(logits) - image * logits)
    return with_bce_warmup(examples, hidden_mean(jnp.square(restored - image)), entropy)


def sure(denoise: Denoise, examples: Examples) -> Array:
    """Stein's unbiased estimate of the squared error, for Gaussian noise of known level.

    ``mean((f(y) - y)**2) - level**2 + 2 level**2 b (f(y + e b) - f(y)) / (e n)`` with one normal
    probe ``b`` for each example (Stein 1981; Ramani et al. 2008; Metzler et al. 2018).
    """
    image, level = examples.noisy
    variance = jnp.square(level)
    probe = jax.vmap(lambda key: jax.random.normal(key, image.shape[1:], jnp.float32))(
        examples.keys
    )
    logits, beside = denoise(image, level), denoise(image + _PROBE_STEP * probe, level)
    restored = to_image(logits)
    divergence = _pixel_mean(probe * (to_image(beside) - restored)) / _PROBE_STEP
    own = _pixel_mean(jnp.square(restored - image)) - variance + 2.0 * variance * divergence
    # By Stein's identity, too: E[x l(y)] = E[y l(y)] - level**2 E[div l(y)].
    slope = _pixel_mean(probe * (beside - logits)) / _PROBE_STEP
    return with_bce_warmup(examples, own, reconstruction.bce(logits, image) + variance * slope)


def get_objective(name: str) -> Objective:
    """The objective that ``Experiment.loss`` names."""
    return _OBJECTIVES.get(name) or supervised(reconstruction.LOSSES[name])


def by_level(objective: Objective, middle: float, power: float) -> Objective:
    """``objective`` times ``(middle / level) ** power`` of each image: errors left by faint noise
    are small, and would hardly count beside those left by strong noise."""

    def weighted(denoise: Denoise, examples: Examples) -> Array:
        return (middle / examples.noisy.level) ** power * objective(denoise, examples)

    return weighted


def get_loss(name: str) -> reconstruction.Loss:
    """The loss against the clean image that is nearest to the objective."""
    return reconstruction.LOSSES.get(
        name, reconstruction.bce if name == "emphasis" else reconstruction.mse
    )


_OBJECTIVES: dict[str, Objective] = {
    "emphasis": emphasis,
    "noise2noise": noise2noise,
    "noise2self": noise2self,
    "sure": sure,
}
# Small beside any noise, and large beside the rounding of float32.
_PROBE_STEP = 1e-3
_HIDDEN_BLOCK = 4
_NEIGHBOURS = np.array([[0.5, 1.0, 0.5], [1.0, 0.0, 1.0], [0.5, 1.0, 0.5]], np.float32) / 6.0


def _one_of_each_block(key: Array, height: int, width: int) -> Array:
    row, column = jax.random.randint(key, (2,), 0, _HIDDEN_BLOCK)
    rows = jnp.arange(height) % _HIDDEN_BLOCK == row
    columns = jnp.arange(width) % _HIDDEN_BLOCK == column
    return jnp.logical_and(rows[:, None], columns[None, :])


def _mean_of_neighbours(image: Array) -> Array:
    """The weighted mean of the eight pixels around each; beyond a border is the mirror image, so
    that none is its own neighbour."""
    padded = jnp.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    height, width = image.shape[1:3]
    mean: Array = jnp.zeros_like(image)
    for i, j in np.argwhere(_NEIGHBOURS):
        mean += _NEIGHBOURS[i, j] * padded[:, i : i + height, j : j + width]
    return mean


def _pixel_mean(values: Array) -> Array:
    return jnp.mean(values, axis=tuple(range(1, values.ndim)))
