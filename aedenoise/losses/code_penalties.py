"""Per-example penalties on the code: sparsity and contraction. Pure functions on arrays.

Codes have shape ``[B, ...]``; they are flattened here to ``[B, F]``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.config import CodeConfig
from aedenoise.ops.noise import Noisy

# (images [B, H, W, C], noise levels [B]) -> codes [B, ...]
Encode = Callable[[Array, Array], Array]
# Values [B, F] -> mean over the global batch, across all devices, [F].
BatchMean = Callable[[Array], Array]
# (encode, noisy, keys [B], batch mean) -> [B]
Penalty = Callable[[Encode, Noisy, Array, BatchMean], Array]
# Distance of a clipped mean from 0 and 1; keeps both logarithms finite in float32.
_LEAST = 1e-6


def l1(code: Array) -> Array:
    """Returns the mean magnitude of each example's code, ``[B]``."""
    return jnp.mean(jnp.abs(_rows(code)), axis=1)


def kl(code: Array, mean: Array, target: float) -> Array:
    """Returns the KL divergence of mean activations from ``target``.

    The mean over code values of ``t log(t / m) + (1 - t) log((1 - t) / (1 - m))`` (Ng 2011,
    "Sparse autoencoder"). This is a property of a batch. To be summed over examples like any
    loss, each example receives the whole value, and the gradient through its own code alone.

    Args:
      code: ``[B, ...]`` in (0, 1).
      mean: mean code of the batch, ``[F]``; no gradient passes through it.
      target: desired mean activation, in (0, 1).

    Returns:
      ``[B]``; their mean over the batch has the value and the gradient of the penalty.
    """
    rows = _rows(code)
    m = jax.lax.stop_gradient(jnp.clip(mean, _LEAST, 1.0 - _LEAST))
    value = target * jnp.log(target / m) + (1.0 - target) * jnp.log((1.0 - target) / (1.0 - m))
    slope = (1.0 - target) / (1.0 - m) - target / m
    # Zero in value, one in slope: adds this example's gradient without changing the penalty.
    zero = rows - jax.lax.stop_gradient(rows)
    return jnp.mean(value[None] + slope[None] * zero, axis=1)


def contraction(encode: Callable[[Array], Array], image: Array, keys: Array) -> Array:
    """Estimates the squared Frobenius norm of the encoder's Jacobian (Rifai et al. 2011), ``[B]``.

    ``E |J v|**2 = |J|**2`` for a probe ``v`` of independent signs (Hutchinson 1990): one probe per
    example and one forward derivative, for any encoder.

    Args:
      encode: images ``[B, H, W, C]`` to codes, each example independently.
      image: point at which the Jacobian is taken.
      keys: random keys of the probes, ``[B]``.
    """
    probe = jax.vmap(lambda key: jax.random.rademacher(key, image.shape[1:], jnp.float32))(keys)
    _, moved = jax.jvp(encode, (image,), (probe,))
    return jnp.sum(jnp.square(_rows(moved)), axis=1)


def make_penalty(config: CodeConfig) -> Penalty | None:
    """Returns the weighted sum of the penalties in ``config``, or None if there are none."""
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
    # The mean is taken over all devices: a shard's own mean would depend on the device count.
    return kl(code, mean(jax.lax.stop_gradient(_rows(code))), target)


def _contraction_of_batch(encode: Encode, noisy: Noisy, keys: Array, mean: BatchMean) -> Array:
    return contraction(lambda image: encode(image, noisy.level), noisy.image, keys)


def _rows(code: Array) -> Array:
    return code.reshape(len(code), -1)
