"""Training objectives per example: supervised by the clean image, or self-supervised."""

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

# Finite difference: well below any noise level, well above float32 rounding.
PROBE_STEP = 1e-3
# (images [B, H, W, C], noise levels [B]) -> logits
Denoise = Callable[[Array, Array], Array]


class Examples(NamedTuple):
    """Training batch: clean and noisy images, with random keys.

    Attributes:
      clean: original images ``[B, H, W, C]`` in [0, 1].
      noisy: network input.
      keys: random keys ``[B]`` for objectives that draw more noise or masks.
      corrupt: corruption that turned ``clean`` into ``noisy``.
      in_warmup: bool, true during learning-rate warm-up; see ``with_bce_warmup``.
      probe_step: finite difference of Stein's estimate, in units of the [0, 1] range.
    """

    clean: Array
    noisy: Noisy
    keys: Array
    corrupt: Corruption
    in_warmup: Array | bool = False
    probe_step: float = PROBE_STEP


Objective = Callable[[Denoise, Examples], Array]


def supervised(loss: reconstruction.Loss) -> Objective:
    """Makes the objective that compares the network's output with the clean image."""

    def objective(denoise: Denoise, examples: Examples) -> Array:
        logits = denoise(*examples.noisy)
        own = loss(logits, examples.clean)
        return with_bce_warmup(examples, own, reconstruction.bce(logits, examples.clean))

    return objective


def with_bce_warmup(examples: Examples, own: Array, start: Array) -> Array:
    """Selects ``start`` during learning-rate warm-up and the objective's ``own`` value after it.

    ``start`` is a cross-entropy with the same minimiser. For other losses the gradient vanishes
    where the sigmoid saturates. Mostly black images push logits there in the first steps, and they
    never recover: the network then predicts black for every input.

    Args:
      examples: batch whose ``in_warmup`` decides.
      own: per-example objective, ``[B]``.
      start: per-example warm-up loss, ``[B]``.
    """
    # A Python False is known when tracing, so the unused warm-up loss is not compiled.
    if examples.in_warmup is False:
        return own
    return jnp.where(examples.in_warmup, start, own)


def emphasis(denoise: Denoise, examples: Examples) -> Array:
    """Computes ``reconstruction.emphasized_bce`` with the pixels changed by noise as corrupted."""
    corrupted = examples.noisy.image != examples.clean
    return reconstruction.emphasized_bce(denoise(*examples.noisy), examples.clean, corrupted)


def noise2noise(denoise: Denoise, examples: Examples) -> Array:
    """Computes the squared error to a second noisy copy of the image (Lehtinen et al. 2018)."""
    target = jax.vmap(examples.corrupt.apply)(examples.keys, examples.clean).image
    logits = denoise(*examples.noisy)
    return with_bce_warmup(
        examples, reconstruction.mse(logits, target), reconstruction.bce(logits, target)
    )


def noise2self(denoise: Denoise, examples: Examples) -> Array:
    """Computes the squared error to the noisy image itself, at pixels hidden from the network.

    One pixel of each 4 x 4 block, at a random offset per example, is replaced by the mean of its
    neighbours (Batson and Royer 2019).
    """
    image, level = examples.noisy
    hidden, masked = hide_pixels(examples.keys, image)
    logits = denoise(masked, level)
    restored = to_image(logits)
    # The mask has one channel for all channels of the image.
    count = jnp.sum(hidden, axis=(1, 2, 3)) * image.shape[-1]

    def hidden_mean(values: Array) -> Array:
        return jnp.sum(jnp.where(hidden, values, 0.0), axis=(1, 2, 3)) / count

    entropy = hidden_mean(jax.nn.softplus(logits) - image * logits)
    return with_bce_warmup(examples, hidden_mean(jnp.square(restored - image)), entropy)


def hide_pixels(keys: Array, image: Array) -> tuple[Array, Array]:
    """Hides one pixel of each 4 x 4 block, at a random offset per image.

    Args:
      keys: random keys ``[B]``.
      image: images ``[B, H, W, C]``.

    Returns:
      Mask ``[B, H, W, 1]``, and the images with the mean of its neighbours at each hidden pixel.
    """
    hidden = jax.vmap(lambda key: _one_of_each_block(key, *image.shape[1:3]))(keys)[..., None]
    return hidden, jnp.where(hidden, _mean_of_neighbours(image), image)


def sure(denoise: Denoise, examples: Examples) -> Array:
    """Computes Stein's unbiased risk estimate for Gaussian noise of known level (Stein 1981).

    ``mean((f(y) - y)**2) - level**2 + 2 level**2 div f(y) / n``; see ``stein_terms``.
    """
    variance = jnp.square(examples.noisy.level)
    terms = stein_terms(denoise, examples)
    own = terms.change - variance + 2.0 * variance * terms.divergence
    # The warm-up loss needs x, which is unknown here, only in E[x l(y)], and by Stein's identity
    # E[x l(y)] = E[y l(y)] - level**2 E[div l(y)].
    return with_bce_warmup(examples, own, terms.entropy + variance * terms.slope)


class SteinTerms(NamedTuple):
    """Terms of Stein's estimate, each ``[B]``.

    Attributes:
      change: squared difference of output and input.
      divergence: mean derivative of an output pixel by the same input pixel.
      entropy: cross-entropy of the output with the input as target.
      slope: divergence of the logits.
    """

    change: Array
    divergence: Array
    entropy: Array
    slope: Array


def stein_terms(denoise: Denoise, examples: Examples) -> SteinTerms:
    """Computes the terms of Stein's estimate with one normal probe ``b`` per example.

    The divergence is ``b (f(y + e b) - f(y - e b)) / (2 e)`` (Ramani et al. 2008; Metzler et al.
    2018), and the others are means over ``f(y + e b)`` and ``f(y - e b)``, not those at ``y``. For
    a step ``e`` of any size ``sure`` is then the risk at noise of variance ``level**2 + e**2``,
    without bias (coupled bootstrap, Oliveira, Lei and Tibshirani 2022). With the terms at ``y`` a
    network can lower it, but not the risk, by a negative divergence at the higher level alone.
    """
    (image, level), step = examples.noisy, examples.probe_step
    probe = jax.vmap(lambda key: jax.random.normal(key, image.shape[1:], jnp.float32))(
        examples.keys
    )
    above, below = denoise(image + step * probe, level), denoise(image - step * probe, level)
    restored = to_image(above), to_image(below)
    divergence = _pixel_mean(probe * (restored[0] - restored[1])) / (2.0 * step)
    slope = _pixel_mean(probe * (above - below)) / (2.0 * step)
    change, entropy = (
        0.5 * (first + second)
        for first, second in (
            [_pixel_mean(jnp.square(each - image)) for each in restored],
            [reconstruction.bce(each, image) for each in (above, below)],
        )
    )
    return SteinTerms(change, divergence, entropy, slope)


def get_objective(name: str) -> Objective:
    """Returns the objective named by ``Experiment.loss``."""
    return _OBJECTIVES.get(name) or supervised(reconstruction.LOSSES[name])


def by_level(objective: Objective, middle: float, power: float) -> Objective:
    """Weights ``objective`` by ``(middle / level) ** power`` per image.

    Errors at low noise are small and would hardly count against those at high noise.
    """

    def weighted(denoise: Denoise, examples: Examples) -> Array:
        return (middle / examples.noisy.level) ** power * objective(denoise, examples)

    return weighted


def get_loss(name: str) -> reconstruction.Loss:
    """Returns the supervised loss that is closest to the named objective."""
    return reconstruction.LOSSES.get(
        name, reconstruction.bce if name == "emphasis" else reconstruction.mse
    )


_OBJECTIVES: dict[str, Objective] = {
    "emphasis": emphasis,
    "noise2noise": noise2noise,
    "noise2self": noise2self,
    "sure": sure,
    # ``training.unsure`` replaces the level by a multiplier that is trained as well.
    "unsure": sure,
}
# One pixel in 16 is hidden, so that all neighbours of a hidden pixel are visible.
_HIDDEN_BLOCK = 4
_NEIGHBOURS = np.array([[0.5, 1.0, 0.5], [1.0, 0.0, 1.0], [0.5, 1.0, 0.5]], np.float32) / 6.0


def _one_of_each_block(key: Array, height: int, width: int) -> Array:
    row, column = jax.random.randint(key, (2,), 0, _HIDDEN_BLOCK)
    rows = jnp.arange(height) % _HIDDEN_BLOCK == row
    columns = jnp.arange(width) % _HIDDEN_BLOCK == column
    return jnp.logical_and(rows[:, None], columns[None, :])


def _mean_of_neighbours(image: Array) -> Array:
    """Computes the weighted mean of the eight neighbours of each pixel."""
    # Reflection leaves the border pixel out, so that no pixel becomes its own neighbour.
    padded = jnp.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    height, width = image.shape[1:3]
    mean: Array = jnp.zeros_like(image)
    for i, j in np.argwhere(_NEIGHBOURS):
        mean += _NEIGHBOURS[i, j] * padded[:, i : i + height, j : j + width]
    return mean


def _pixel_mean(values: Array) -> Array:
    return jnp.mean(values, axis=tuple(range(1, values.ndim)))
