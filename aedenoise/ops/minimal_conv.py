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

All matrices (``native/minimal_conv.h``) hold 0, 1, -1 and 1/2, so that rounding errors stay close
to those of a direct convolution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from jax import Array

from aedenoise.ops.interpolation import Resampling
from aedenoise.ops.kernel_gradients import with_gradients
from aedenoise.ops.native import minimal_calls

_KERNEL = 3
# Cost of transforming one value of a tile, in products.
_TRANSFORM = 6


@dataclass(frozen=True)
class Form:
    """A minimal filtering algorithm.

    Attributes:
      number: its number in the kernels.
      products: products of a tile along one axis.
      outputs: outputs of a tile along one axis.
      direct: products of a phase convolution for each output, along one axis.
    """

    number: int
    products: int
    outputs: int
    direct: float


CONVOLUTION = Form(0, 4, 2, 3)
UPSAMPLING = Form(1, 3, 2, 2)
TRANSPOSED = Form(2, 5, 4, 1.5)


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


def pays(form: Form, kernel: Array, size: tuple[int, int]) -> bool:
    """Returns True if ``form`` takes less time than a phase convolution for outputs of ``size``
    (height, width): wide layers, and sizes that its tiles fill well."""
    rows, columns, channels, outputs = kernel.shape
    if (rows, columns) != (_KERNEL, _KERNEL):
        return False
    height, width = size
    tiles = math.ceil(height / form.outputs) * math.ceil(width / form.outputs)
    transforms = _TRANSFORM * (channels + outputs)
    cost = tiles * form.products**2 * (channels * outputs + transforms)
    return cost < height * width * form.direct**2 * channels * outputs


def _forward(plan: MinimalConv, x: Array, kernel: Array, bias: Array) -> tuple[Array, Array]:
    return minimal_calls.forward(
        plan.form.number,
        x,
        kernel,
        bias,
        size=plan.size,
        relu=plan.relu,
        window=plan.window,
        resampling=plan.resampling,
    )


def _backward(
    plan: MinimalConv, x: Array, kernel: Array, gate: Any, gradient: Array
) -> tuple[Array, Array, Array]:
    return minimal_calls.backward(
        plan.form.number,
        x,
        gradient,
        gate,
        kernel,
        window=plan.window,
        resampling=plan.resampling,
    )


_minimal_conv = with_gradients(_forward, _backward)


def minimal_conv(plan: MinimalConv, x: Array, kernel: Array, bias: Array) -> Array:
    """Convolves ``[B, H, W, C]`` with ``[3, 3, C, O]``, and adds ``[O]``: ``[B, Ho, Wo, O]``, all
    float32."""
    return _minimal_conv(plan, x, kernel, bias)
