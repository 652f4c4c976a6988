"""Bilinear enlargement by an integer factor as sums of shifted images.

``jax.image.resize`` multiplies by dense matrices, whose gradient costs more than the convolution
behind it on a CPU. Along one axis each output lies between two inputs, so it is a weighted sum of
the image and its neighbours; so is the gradient, which XLA would not find by itself.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def enlarge_bilinear(image: Array, factor: int) -> Array:
    """``[B, H, W, C] -> [B, factor H, factor W, C]``, as ``jax.image.resize`` with ``bilinear``."""
    return _enlarge(_enlarge(image, factor, 2), factor, 1)


def _forward(image: Array, factor: int) -> tuple[Array, None]:
    return enlarge_bilinear(image, factor), None


def _backward(factor: int, kept: None, gradient: Array) -> tuple[Array]:
    return (_gather(_gather(gradient, factor, 1), factor, 2),)


enlarge_bilinear.defvjp(_forward, _backward)


def _weights(factor: int) -> list[tuple[float, ...]]:
    """For each output between two inputs the weights of the input before, itself and after."""
    offsets = [(phase + 0.5) / factor - 0.5 for phase in range(factor)]
    return [(max(-offset, 0.0), 1.0 - abs(offset), max(offset, 0.0)) for offset in offsets]


def _enlarge(x: Array, factor: int, axis: int) -> Array:
    size = x.shape[axis]
    part = partial(lax.slice_in_dim, x, axis=axis)
    # At the edges the neighbour that is missing is the pixel itself.
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
    edges = jnp.concatenate([part(to_before, 0, 1), nothing], axis) + jnp.concatenate(
        [nothing, part(to_after, size - 1, size)], axis
    )
    return to_itself + shifted + edges


def _weighted_sum(weights: tuple[float, ...], arrays: list[Array]) -> Array:
    # Without terms of weight zero: each costs a pass over the memory.
    terms = [w * array for w, array in zip(weights, arrays, strict=True) if w]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
