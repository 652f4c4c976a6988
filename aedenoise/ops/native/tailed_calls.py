"""JAX calls of the CPU kernels for a transposed convolution and the narrow convolution after it."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.ops.native.build import TAILED_BACKWARD, TAILED_FORWARD
from aedenoise.ops.native.folding import Axis0, foldable


def forward(
    x: Array, kernel: Array, bias: Array, tail: Array, tail_bias: Array, *, keep: bool
) -> tuple[Array, Array]:
    """Computes a transposed convolution of stride 2, its ReLU, and the convolution after it.

    Args:
      x: float32 ``[B, H, W, C]``.
      kernel: float32 ``[3, 3, C, O]``.
      bias: float32 ``[O]``.
      tail: float32 ``[k, l, O, P]``.
      tail_bias: float32 ``[P]``.
      keep: whether the output of the ReLU is returned.

    Returns:
      The output ``[B, 2 H, 2 W, P]``, and that of the ReLU, ``[B, 2 H, 2 W, O]``, or an empty
      array.
    """

    def call(
        x: Array, kernel: Array, bias: Array, tail: Array, tail_bias: Array
    ) -> Sequence[Array]:
        shape = (x.shape[0], 2 * x.shape[1], 2 * x.shape[2])
        outputs = (
            jax.ShapeDtypeStruct((*shape, tail.shape[-1]), jnp.float32),
            jax.ShapeDtypeStruct((*shape, kernel.shape[-1]) if keep else (0,), jnp.float32),
        )
        return jax.ffi.ffi_call(TAILED_FORWARD, outputs)(x, kernel, bias, tail, tail_bias)

    axes = (Axis0.BATCH, *(4 * (Axis0.NETWORKS,)))
    y, relu = foldable(call, axes, shared=True)(
        x, kernel[None], bias[None], tail[None], tail_bias[None]
    )
    return y, relu


def backward(
    x: Array, relu: Array, gradient: Array, kernel: Array, tail: Array
) -> tuple[Array, Array, Array, Array]:
    """Computes the gradients of ``x``, ``kernel``, its bias and ``tail`` from that of the output,
    with arrays as ``forward`` takes and returns them."""

    def call(
        x: Array, relu: Array, gradient: Array, kernel: Array, turned: Array
    ) -> Sequence[Array]:
        shapes = (x.shape, kernel.shape, (kernel.shape[0], kernel.shape[-1]), turned.shape)
        outputs = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
        return jax.ffi.ffi_call(TAILED_BACKWARD, outputs)(x, relu, gradient, kernel, turned)

    axes = (*(3 * (Axis0.BATCH,)), *(2 * (Axis0.NETWORKS,)))
    x_gradient, kernel_gradient, bias_gradient, turned_gradient = foldable(
        call, axes, shared=False
    )(x, relu, gradient, kernel[None], _turned(tail)[None])
    return x_gradient, kernel_gradient[0], bias_gradient[0], _turned(turned_gradient[0])


def _turned(kernel: Array) -> Array:
    """Returns the kernel of the transposed convolution."""
    return jnp.swapaxes(kernel[::-1, ::-1], -1, -2)
