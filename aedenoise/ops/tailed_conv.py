"""A transposed convolution, its ReLU and the convolution to the image, computed together.

Between them lie as many values as the image has pixels, times the channels: the largest array of a
network. One kernel after the other writes and reads it, and its gradient, eight times in a
training step; these kernels visit each image once, write it once and read it once.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.ops.native import tailed_calls

# The kernel for weight gradients runs over the channels between, and takes the outputs one by one.
_MOST_OUTPUTS = 8


def fits(kernel: Array, tail: Array) -> bool:
    """Returns True if ``tail``, a kernel ``[k, l, O, P]`` after ``kernel``, is narrow enough."""
    return tail.shape[-1] < min(_MOST_OUTPUTS, kernel.shape[-1])


@jax.custom_vjp
def tailed_conv(x: Array, kernel: Array, bias: Array, tail: Array, tail_bias: Array) -> Array:
    """Applies a transposed convolution ``[3, 3, C, O]`` of stride 2 with a ReLU, and a ``SAME``
    convolution ``[k, l, O, P]``: ``[B, H, W, C] -> [B, 2 H, 2 W, P]``, all float32."""
    return tailed_calls.forward(x, kernel, bias, tail, tail_bias, keep=False)[0]


_Kept = tuple[Array, Array, Array, Array]


def _forward(
    x: Array, kernel: Array, bias: Array, tail: Array, tail_bias: Array
) -> tuple[Array, _Kept]:
    y, relu = tailed_calls.forward(x, kernel, bias, tail, tail_bias, keep=True)
    return y, (x, relu, kernel, tail)


def _backward(kept: _Kept, gradient: Array) -> tuple[Array, Array, Array, Array, Array]:
    x, relu, kernel, tail = kept
    gradients = tailed_calls.backward(x, relu, gradient, kernel, tail)
    return (*gradients, jnp.sum(gradient, (0, 1, 2)))


tailed_conv.defvjp(_forward, _backward)
