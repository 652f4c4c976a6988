"""Kernels of composed convolutions: sums of transposed ones, and means before a convolution."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from aedenoise.ops import phases


def sum_kernels(one: Array, other: Array, stride: int) -> Array:
    """Returns the kernel of the sum of two transposed convolutions with padding ``SAME``.

    Convolutions are linear in the kernel, so one with this kernel equals the sum of both, at the
    cost of the larger one.

    Args:
      one, other: square kernels ``[k, k, C, O]`` of any two sides.
      stride: stride of both.

    Returns:
      A kernel of the larger side.
    """
    side = max(one.shape[0], other.shape[0])
    return _aligned(one, side, stride) + _aligned(other, side, stride)


def smooth_kernel(kernel: Array, side: int) -> Array:
    """Returns the kernel of ``ops.smooth`` over ``side x side`` pixels and a ``SAME`` convolution.

    They are equal except at the border, where zeros outside of the image count in the means.

    Args:
      kernel: ``[k, k, C, O]``, k odd.
      side: side of the means.

    Returns:
      A kernel of side ``k + side - 1``.
    """
    for axis in (0, 1):
        pads = [[(0, 0)] * kernel.ndim for _ in range(side)]
        for shift, pad in enumerate(pads):
            pad[axis] = (shift, side - 1 - shift)
        shifted = [jnp.pad(kernel, pad) for pad in pads]
        kernel = sum(shifted[1:], shifted[0]) * (1.0 / side)
    return kernel


def _aligned(kernel: Array, side: int, stride: int) -> Array:
    """Pads a kernel with zeros to ``side``, so that its convolution stays the same."""
    own = kernel.shape[0]
    # Row r of a kernel reads r minus the padding before the image.
    before = phases.padding_before(side, stride) - phases.padding_before(own, stride)
    pads = (before, side - own - before)
    return jnp.pad(kernel, (pads, pads, (0, 0), (0, 0)))
