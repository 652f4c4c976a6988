"""Bilinear upsampling by an integer factor as sums of shifted images.

``jax.image.resize`` multiplies by dense matrices, whose gradient costs more on a CPU than the
convolution that follows. Along one axis each output lies between two inputs, so it is a weighted
sum of the image and its neighbours; so is the gradient, a form that XLA does not derive.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def enlarge_bilinear(image: Array, factor: int) -> Array:
    """Upsamples ``[B, H, W, C] -> [B, factor H, factor W, C]``, like ``jax.image.resize`` with
    ``bilinear``."""
    return _enlarge(_enlarge(image, factor, 2), factor, 1)


def _forward(image: Array, factor: int) -> tuple[Array, None]:
    return enlarge_bilinear(image, factor), None


def _backward(factor: int, kept: None, gradient: Array) -> tuple[Array]:
    return (_gather(_gather(gradient, factor, 1), factor, 2),)


enlarge_bilinear.defvjp(_forward, _backward)


def _weights(factor: int) -> list[tuple[float, ...]]:
    """Computes the weights of the previous, same and next input for each phase of the output."""
    offsets = [(phase + 0.5) / factor - 0.5 for phase in range(factor)]
    return [(max(-offset, 0.0), 1.0 - abs(offset), max(offset, 0.0)) for offset in offsets]


def _enlarge(x: Array, factor: int, axis: int) -> Array:
    size = x.shape[axis]
    part = partial(lax.slice_in_dim, x, axis=axis)
    # Edge padding: the missing neighbour of a border pixel is the pixel itself.
    before = jnp.concatenate([part(0, 1), part(0, size - 1)], axis)
    after = jnp.concatenate([part(1, size), part(size - 1, size)], axis)
    phases = [_weighted_sum(weights, [before, x, after]) for weights in _weights(factor)]
    return jnp.stack(phases, axis + 1).reshape(*x.shape[:axis], size * factor, *x.shape[axis + 1 :])


def _gather(gradient: Array, factor: int, axis: int) -> Array:
    size = gradient.shape[axis] // factor
    split = gradient.reshape(*gradient.shape[:axis], size, factor, *gradient.shape[axis + 1 :])
    phases = [lax.index_in_dim(split, p, axis + 1, keepdims=False) for p in range(factor)]
    to_before, to_itself, to_after = (
        _weighted_sum(weights, phases) for weights in zip(*_weights(factor), strict=True)
    )
    part = partial(lax.slice_in_dim, axis=axis)
    none = jnp.zeros_like(part(to_itself, 0, 1))
    nothing = jnp.zeros_like(part(to_itself, 1, size))
    shifted = jnp.concatenate([part(to_before, 1, size), none], axis) + jnp.concatenate(
        [none, part(to_after, 0, size - 1)], axis
    )
    # Transpose of the edge padding: the weights of missing neighbours return to the border pixel.
    edges = jnp.concatenate([part(to_before, 0, 1), nothing], axis) + jnp.concatenate(
        [nothing, part(to_after, size - 1, size)], axis
    )
    return to_itself + shifted + edges


def _weighted_sum(weights: tuple[float, ...], arrays: list[Array]) -> Array:
    # Skips terms of weight zero: each would cost a pass over memory.
    terms = [w * array for w, array in zip(weights, arrays, strict=True) if w]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
