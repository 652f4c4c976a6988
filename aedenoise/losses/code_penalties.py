"""Penalties on the code, per example: sparsity and contraction. Pure functions on arrays.

Codes are ``[B, ...]``, the output of any encoder, flattened here to ``[B, F]``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.config import CodeConfig
from aedenoise.ops.noise import Noisy

# (images [B, H, W, C], noise levels [B]) -> codes
Encode = Callable[[Array, Array], Array]
# Values [B, F] -> their mean over the global batch (all devices), [F].
BatchMean = Callable[[Array], Array]
# (encode, noisy, keys [B], batch mean) -> [B]
Penalty = Callable[[Encode, Noisy, Array, BatchMean], Array]
# Means are clipped this far from 0 and 1, where the logarithm is no longer finite in float32.
_LEAST = 1e-6


def l1(code: Array) -> Array:
    """Computes the mean magnitude of each example's code, ``[B]``."""
    return jnp.mean(jnp.abs(_rows(code)), axis=1)


def kl(code: Array, mean: Array, target: float) -> Array:
    """Computes the KL sparsity penalty between a target activation and the batch mean.

    The mean over code values of ``t log(t / m) + (1 - t) log((1 - t) / (1 - m))`` (Ng 2011,
    "Sparse autoencoder"). The penalty belongs to the batch. To be summed over examples like a
    loss, it is repeated for every example, each with the gradient of its own contribution to
    ``mean``.

    Args:
      code: activations ``[B, ...]`` in (0, 1).
      mean: activations averaged over the global batch, ``[F]``; receives no gradient.
      target: target activation in (0, 1).

    Returns:
      ``[B]``; its mean over the batch has the value and the gradient of the penalty.
    """
    rows = _rows(code)
    m = jax.lax.stop_gradient(jnp.clip(mean, _LEAST, 1.0 - _LEAST))
    value = target * jnp.log(target / m) + (1.0 - target) * jnp.log((1.0 - target) / (1.0 - m))
    slope = (1.0 - target) / (1.0 - m) - target / m
    # Zero in value, one in gradient: the slope reaches the code without a sum over devices.
    zero = rows - jax.lax.stop_gradient(rows)
    return jnp.mean(value[None] + slope[None] * zero, axis=1)


def contraction(encode: Callable[[Array], Array], image: Array, keys: Array) -> Array:
    """Estimates the squared Frobenius norm of the encoder's Jacobian (Rifai et al. 2011), ``[B]``.

    ``E |J v|**2 = |J|**2`` for a probe ``v`` of independent signs (Hutchinson 1990). One probe per
    example and one forward-mode derivative suffice for any encoder.

    Args:
      encode: function of images ``[B, H, W, C]`` that treats each example independently.
      image: point at which the Jacobian is taken, ``[B, H, W, C]``.
      keys: random keys of the probes, ``[B]``.
    """
    probe = jax.vmap(lambda key: jax.random.rademacher(key, image.shape[1:], jnp.float32))(keys)
    _, moved = jax.jvp(encode, (image,), (probe,))
    return jnp.sum(jnp.square(_rows(moved)), axis=1)


def make_penalty(config: CodeConfig) -> Penalty | None:
    """Makes the weighted sum of the configured penalties; returns None if there are none."""
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
    # The batch mean is a collective; ``kl`` puts back the gradient that stops here.
    return kl(code, mean(jax.lax.stop_gradient(_rows(code))), target)


def _contraction_of_batch(encode: Encode, noisy: Noisy, keys: Array, mean: BatchMean) -> Array:
    # The level is fixed: the penalty is on the derivative by the image alone.
    return contraction(lambda image: encode(image, noisy.level), noisy.image, keys)


def _rows(code: Array) -> Array:
    return code.reshape(len(code), -1)
