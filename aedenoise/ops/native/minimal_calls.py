"""JAX calls of the CPU kernels for minimal filtering algorithms."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise.ops.interpolation import Resampling
from aedenoise.ops.native.build import MINIMAL_BACKWARD, MINIMAL_FORWARD
from aedenoise.ops.native.calls import resampling_attributes
from aedenoise.ops.native.folding import Axis0, foldable


def forward(
    form: int,
    x: Array,
    kernel: Array,
    bias: Array,
    *,
    size: tuple[int, int],
    relu: bool,
    window: int,
    resampling: Resampling | None,
) -> tuple[Array, Array]:
    """Computes the convolution of ``x``.

    Args:
      form: number of the algorithm.
      x: float32 ``[B, H, W, C]``.
      kernel: float32 ``[3, 3, C, O]``.
      bias: float32 ``[O]``.
      size: height and width of the output, before pooling.
      relu: whether a ReLU follows.
      window: side of the windows of the max pooling before the ReLU; 1 for none.
      resampling: interpolation of ``x`` before; None for none.

    Returns:
      The output, and the winners of the pooling or an empty array, as ``calls.forward``.
    """
    area = (size[0] // window, size[1] // window)
    attributes = resampling_attributes(resampling)

    def call(x: Array, kernel: Array, bias: Array) -> Sequence[Array]:
        shape = (x.shape[0], *area, kernel.shape[-1])
        outputs = (
            jax.ShapeDtypeStruct(shape, jnp.float32),
            jax.ShapeDtypeStruct(shape if window > 1 else (0,), jnp.uint8),
        )
        return jax.ffi.ffi_call(MINIMAL_FORWARD, outputs)(
            x, kernel, bias, form=np.int64(form), relu=relu, window=np.int64(window), **attributes
        )

    axes = (Axis0.BATCH, Axis0.NETWORKS, Axis0.NETWORKS)
    y, winner = foldable(call, axes, shared=True)(x, kernel[None], bias[None])
    return y, winner


def backward(
    form: int,
    x: Array,
    gradient: Array,
    gate: Array,
    kernel: Array,
    *,
    window: int,
    resampling: Resampling | None,
) -> tuple[Array, Array, Array]:
    """Computes the gradients of ``x``, of the kernel and of the bias from the gradient
    of the output, with the gate of that gradient as in ``calls.forward``."""
    attributes = resampling_attributes(resampling)

    def call(x: Array, gradient: Array, gate: Array, kernel: Array) -> Sequence[Array]:
        outputs = (
            jax.ShapeDtypeStruct(x.shape, jnp.float32),
            jax.ShapeDtypeStruct(kernel.shape, jnp.float32),
            jax.ShapeDtypeStruct((kernel.shape[0], kernel.shape[-1]), jnp.float32),
        )
        return jax.ffi.ffi_call(MINIMAL_BACKWARD, outputs)(
            x, gradient, gate, kernel, form=np.int64(form), window=np.int64(window), **attributes
        )

    axes = (Axis0.BATCH, Axis0.BATCH, Axis0.BATCH, Axis0.NETWORKS)
    x_gradient, kernel_gradient, bias_gradient = foldable(call, axes, shared=False)(
        x, gradient, gate, kernel[None]
    )
    return x_gradient, kernel_gradient[0], bias_gradient[0]
