"""JAX calls of the CPU kernels for minimal filtering algorithms."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_batching import custom_vmap

from aedenoise.ops.interpolation import Resampling
from aedenoise.ops.native.build import MINIMAL_BACKWARD, MINIMAL_FORWARD
from aedenoise.ops.native.calls import resampling_attributes
from aedenoise.ops.native.folding import folded, folded_gate, unfolded


def forward(
    form: int,
    x: Array,
    weights: Array,
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
      weights: transformed, float32 ``[products, C, O]``.
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

    @custom_vmap
    def call(x: Array, weights: Array, bias: Array) -> tuple[Array, Array]:
        shape = (x.shape[0], *area, weights.shape[-1])
        outputs = (
            jax.ShapeDtypeStruct(shape, jnp.float32),
            jax.ShapeDtypeStruct(shape if window > 1 else (0,), jnp.uint8),
        )
        y, winner = jax.ffi.ffi_call(MINIMAL_FORWARD, outputs)(
            x, weights, bias, form=np.int64(form), relu=relu, window=np.int64(window), **attributes
        )
        return y, winner

    @call.def_vmap
    def several(
        times: int, mapped: Sequence[bool], x: Array, weights: Array, bias: Array
    ) -> tuple[tuple[Array, Array], tuple[bool, bool]]:
        networks = mapped[1] or mapped[2] or weights.shape[0] > 1
        y, winner = call(
            folded(x, times, mapped[0]),
            # A batch is longer for one network; other networks are more of them.
            folded(weights, times, mapped[1]) if networks else weights,
            folded(bias, times, mapped[2]) if networks else bias,
        )
        return (unfolded(y, times), unfolded(winner, times)), (True, True)

    y, winner = call(x, weights[None], bias[None])
    return y, winner


def backward(
    form: int,
    x: Array,
    gradient: Array,
    gate: Array,
    weights: Array,
    *,
    window: int,
    resampling: Resampling | None,
) -> tuple[Array, Array, Array]:
    """Computes the gradients of ``x``, of the transformed weights and of the bias from the gradient
    of the output, with the gate of that gradient as in ``calls.forward``."""
    attributes = resampling_attributes(resampling)

    @custom_vmap
    def call(x: Array, gradient: Array, gate: Array, weights: Array) -> tuple[Array, Array, Array]:
        outputs = (
            jax.ShapeDtypeStruct(x.shape, jnp.float32),
            jax.ShapeDtypeStruct(weights.shape, jnp.float32),
            jax.ShapeDtypeStruct((weights.shape[0], weights.shape[-1]), jnp.float32),
        )
        x_gradient, weight_gradient, bias_gradient = jax.ffi.ffi_call(MINIMAL_BACKWARD, outputs)(
            x, gradient, gate, weights, form=np.int64(form), window=np.int64(window), **attributes
        )
        return x_gradient, weight_gradient, bias_gradient

    @call.def_vmap
    def several(
        times: int, mapped: Sequence[bool], x: Array, gradient: Array, gate: Array, weights: Array
    ) -> tuple[tuple[Array, Array, Array], tuple[bool, bool, bool]]:
        # Each mapped network has weight gradients of its own, even where weights are shared.
        gradients = call(
            folded(x, times, mapped[0]),
            folded(gradient, times, mapped[1]),
            folded_gate(gate, times, mapped[2]),
            folded(weights, times, mapped[3]),
        )
        x_gradient, weight_gradient, bias_gradient = (unfolded(g, times) for g in gradients)
        return (x_gradient, weight_gradient, bias_gradient), (True, True, True)

    x_gradient, weight_gradient, bias_gradient = call(x, gradient, gate, weights[None])
    return x_gradient, weight_gradient[0], bias_gradient[0]
