"""Minimal filtering algorithms: convolutions with fewer products, computed by the CPU kernels.

Along one axis, some outputs y of a filter w over some inputs x are ``A^T ((B^T x) * (G w))``, with
as many products as ``G w`` has values. Nested in two dimensions, with the transforms B and A done
once per tile and channel, the products dominate:

- Convolution with a 3x3 kernel: F(2, 3) of Winograd (1980), in the form of Lavin & Gray (2016,
  "Fast algorithms for convolutional neural networks"): 16 products instead of 36 for 2x2 outputs.
- Nearest upsampling by 2 and that convolution: each pair of outputs is the same filter over
  ``x[i-1], x[i], x[i], x[i+1]``, so one of Winograd's four products vanishes: 9 instead of 16
  products of a phase convolution per input pixel.
- Transposed convolution, kernel 3, stride 2: even outputs are a filter of two taps, for which
  F(2, 2) takes 3 products instead of 4; odd outputs take one each: 25 instead of 36 for 4x4
  outputs.

All matrices hold 0, 1, -1 and 1/2, so that rounding errors stay those of a direct convolution.
The kernels (``native/minimal_conv.h``) know A and B.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise.ops.interpolation import Resampling
from aedenoise.ops.native import minimal_calls
from aedenoise.ops.native.calls import NO_GATE

# Below this many channels, in or out, a phase convolution is faster.
_FEWEST_CHANNELS = 16
_KERNEL = 3


@dataclass(frozen=True)
class Form:
    """A minimal filtering algorithm.

    Attributes:
      number: its number in the kernels.
      weights: G, float32 ``[products, kernel]``.
    """

    number: int
    weights: tuple[tuple[float, ...], ...]


CONVOLUTION = Form(0, ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)))
UPSAMPLING = Form(1, ((1, 0, 0), (1, 1, 1), (0, 0, 1)))
TRANSPOSED = Form(2, ((1, 0, 0), (1, 0, 1), (0, 0, 1), (0, 1, 0), (0, 1, 0)))


@dataclass(frozen=True)
class MinimalConv:
    """A convolution by a minimal filtering algorithm, with an optional ReLU and max pooling.

    Attributes:
      form: the algorithm.
      size: height and width of the output, before pooling.
      relu: whether a ReLU follows.
      window: side of the windows of the max pooling before the ReLU; 1 for none.
      resampling: interpolation of the input before; None for none.
    """

    form: Form
    size: tuple[int, int]
    relu: bool = False
    window: int = 1
    resampling: Resampling | None = None


def pays(kernel: Array) -> bool:
    """Returns True if ``kernel[k, k, C, O]`` is one that these algorithms make faster."""
    rows, columns, channels, outputs = kernel.shape
    return (rows, columns) == (_KERNEL, _KERNEL) and min(channels, outputs) >= _FEWEST_CHANNELS


def minimal_conv(plan: MinimalConv, x: Array, kernel: Array, bias: Array) -> Array:
    """Convolves ``[B, H, W, C]`` with ``[3, 3, C, O]``, and adds ``[O]``: ``[B, Ho, Wo, O]``, all
    float32."""
    matrix = np.asarray(plan.form.weights, np.float32)
    transformed = jnp.einsum("kr,ls,rsco->klco", matrix, matrix, kernel)
    return _minimal_conv(plan, x, transformed.reshape(-1, *kernel.shape[2:]), bias)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _minimal_conv(plan: MinimalConv, x: Array, transformed: Array, bias: Array) -> Array:
    y, _ = _forward(plan, x, transformed, bias)
    return y


def _forward(plan: MinimalConv, x: Array, transformed: Array, bias: Array) -> tuple[Array, Any]:
    return minimal_calls.forward(
        plan.form.number,
        x,
        transformed,
        bias,
        size=plan.size,
        relu=plan.relu,
        window=plan.window,
        resampling=plan.resampling,
    )


def _forward_keeping(
    plan: MinimalConv, x: Array, transformed: Array, bias: Array
) -> tuple[Array, tuple[Array, Array, Any]]:
    y, winner = _forward(plan, x, transformed, bias)
    gate: Any = winner if plan.window > 1 else y if plan.relu else jnp.asarray(NO_GATE)
    return y, (x, transformed, gate)


def _backward(
    plan: MinimalConv, kept: tuple[Array, Array, Any], gradient: Array
) -> tuple[Array, Array, Array]:
    x, transformed, gate = kept
    return minimal_calls.backward(
        plan.form.number,
        x,
        gradient,
        gate,
        transformed,
        window=plan.window,
        resampling=plan.resampling,
    )


_minimal_conv.defvjp(_forward_keeping, _backward)
