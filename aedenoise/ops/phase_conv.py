"""Phase convolutions with gradients, computed by the CPU kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array

from aedenoise.ops import native
from aedenoise.ops.interpolation import Resampling
from aedenoise.ops.kernel_gradients import with_gradients
from aedenoise.ops.native.calls import NO_BIAS, NO_GATE
from aedenoise.ops.phases import Axis


@dataclass(frozen=True)
class PhaseConv:
    """A phase convolution (see ``phases.py``) with an optional ReLU and max pooling.

    Attributes:
      rows, columns: taps of each axis.
      size: height and width of the output, before pooling.
      relu: whether a ReLU follows.
      window: side of the windows of the max pooling before the ReLU; 1 for none.
      resampling: interpolation of the input before; None for none.
    """

    rows: Axis
    columns: Axis
    size: tuple[int, int]
    relu: bool = False
    window: int = 1
    resampling: Resampling | None = None


def _forward(plan: PhaseConv, x: Array, weights: Array, bias: Array) -> tuple[Array, Array]:
    return native.forward(
        x,
        NO_GATE,
        weights,
        bias,
        plan.rows,
        plan.columns,
        size=plan.size,
        relu=plan.relu,
        pool=plan.window > 1,
        window=plan.window,
        resampling=plan.resampling,
    )


def _backward(
    plan: PhaseConv, x: Array, weights: Array, gate: Any, gradient: Array
) -> tuple[Array, Array, Array]:
    rows, row_taps = plan.rows.transpose()
    columns, column_taps = plan.columns.transpose()
    turned = jnp.swapaxes(weights[row_taps][:, column_taps], -1, -2)
    x_gradient, _ = native.forward(
        gradient,
        gate,
        turned,
        NO_BIAS,
        rows,
        columns,
        size=(x.shape[1], x.shape[2]),
        window=plan.window,
        resampling=plan.resampling,
        shrink=plan.resampling is not None,
    )
    weight_gradient, bias_gradient = native.weight_gradient(
        x,
        gradient,
        gate,
        plan.rows,
        plan.columns,
        window=plan.window,
        resampling=plan.resampling,
    )
    return x_gradient, weight_gradient, bias_gradient


_phase_conv = with_gradients(_forward, _backward)


def phase_conv(plan: PhaseConv, x: Array, weights: Array, bias: Array) -> Array:
    """Convolves ``[B, H, W, C]`` with ``[U, V, C, O]``, and adds ``[O]``: ``[B, Ho, Wo, O]``, all
    float32."""
    return _phase_conv(plan, x, weights, bias)
