"""Penalties on the code, per example: sparsity and contraction. Pure functions on arrays.

Codes are ``[B, ...]``: whatever an encoder gives, flattened here to ``[B, F]``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.config import CodeConfig
from aedenoise.ops.noise import Noisy

# Images [B, H, W, C] and their levels [B] to codes.
Encode = Callable[[Array, Array], Array]
# Values [B, F] to their mean over the examples of the whole batch, of all devices, [F].
BatchMean = Callable[[Array], Array]
# (encode, noisy, keys [B], batch mean) -> [B]
Penalty = Callable[[Encode, Noisy, Array, BatchMean], Array]
# Means nearer to 0 and 1 than this have no finite logarithm in float32.
_LEAST = 1e-6


def l1(code: Array) -> Array:
    """The mean magnitude of each example's code, ``[B]``."""
    return jnp.mean(jnp.abs(_rows(code)), axis=1)


def kl(code: Array, mean: Array, target: float) -> Array:
    """How far the mean of each value of the code is from ``target``: the mean over values of
    ``t log(t / m) + (1 - t) log((1 - t) / (1 - m))`` (Ng 2011, "Sparse autoencoder").

    It belongs to a batch, not to an example. So that it can be summed over examples as a loss is,
    each gets the penalty itself, and of its gradient the share that its own code has in ``mean``.

    Args:
      code: ``[B, ...]`` in (0, 1).
      mean: over the examples of the batch, ``[F]``; no gradient passes through it.
      target: in (0, 1).

    Returns:
      ``[B]``; the mean over the batch has the penalty's value, and its gradient.
    """
    rows = _rows(code)
    m = jax.lax.stop_gradient(jnp.clip(mean, _LEAST, 1.0 - _LEAST))
    value = target * jnp.log(target / m) + (1.0 - target) * jnp.log((1.0 - target) / (1.0 - m))
    slope = (1.0 - target) / (1.0 - m) - target / m
    zero = rows - jax.lax.stop_gradient(rows)
    return jnp.mean(value[None] + slope[None] * zero, axis=1)


def contraction(encode: Callable[[Array], Array], image: Array, keys: Array) -> Array:
    """The squared Frobenius norm of the code's Jacobian by the image (Rifai et al. 2011), ``[B]``.

    Estimated: ``E |J v|**2 = |J|**2`` for a probe ``v`` of independent signs (Hutchinson 1990), one
    for each example, by one forward derivative whatever the encoder is.

    Args:
      encode: images ``[B, H, W, C]`` to codes; each example by itself.
      image: where the Jacobian is taken.
      keys: ``[B]``, of the probes.
    """
    probe = jax.vmap(lambda key: jax.random.rademacher(key, image.shape[1:], jnp.float32))(keys)
    _, moved = jax.jvp(encode, (image,), (probe,))
    return jnp.sum(jnp.square(_rows(moved)), axis=1)


def make_penalty(config: CodeConfig) -> Penalty | None:
    """The sum of the penalties that ``config`` asks for; None if it asks for none."""
    parts: list[Penalty] = []
    if config.sparsity == "l1":
        parts.append(lambda encode, noisy, keys, mean: l1(encode(*noisy)))
    if config.sparsity == "kl":
        parts.append(partial(_kl_of_batch, config.sparsity_target))
    weights = [config.sparsity_weight] * len(parts)
    if config.contractive_weight:
        parts.append(_contraction_of_batch)
        weights.append(config.contractive_weight)
    if not parts:
        return None

    def penalty(encode: Encode, noisy: Noisy, keys: Array, mean: BatchMean) -> Array:
        values = [
            w * part(encode, noisy, keys, mean) for w, part in zip(weights, parts, strict=True)
        ]
        return jnp.sum(jnp.stack(values), axis=0)

    return penalty


def _kl_of_batch(
    target: float, encode: Encode, noisy: Noisy, keys: Array, mean: BatchMean
) -> Array:
    code = encode(*noisy)
    return kl(code, mean(jax.lax.stop_gradient(_rows(code))), target)


def _contraction_of_batch(encode: Encode, noisy: Noisy, keys: Array, mean: BatchMean) -> Array:
    return contraction(lambda image: encode(image, noisy.level), noisy.image, keys)


def _rows(code: Array) -> Array:
    return code.reshape(len(code), -1)
