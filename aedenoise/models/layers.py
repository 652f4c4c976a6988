"""Linen modules for any convolution of ``ops``."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen import initializers
from jax import Array

from aedenoise.models.initializers import bias_initializer, he_normal
from aedenoise.ops.kernel_sums import sum_kernels

PRODUCTS = {"float32": "float32", "tf32": "tensorfloat32", "bfloat16": "bfloat16"}


class Convolution(nn.Module):
    """Layer with a kernel and a bias, named and shaped as in ``nn.Conv`` and
    ``nn.ConvTranspose``.

    Attributes:
      features: output channels.
      kernel_size: side of the kernel, in pixels.
      operation: ``(x, kernel, bias) -> y`` on arrays; with skip connections that it joins itself,
        ``(x, kernel, bias, skip=skip) -> y``.
      kernel_init: initialiser of the kernel; that of the bias follows from it.
      precision: ``float32``, ``tf32`` or ``bfloat16``; see ``ModelConfig``. Parameters are
        always float32.
    """

    features: int
    kernel_size: int
    operation: Callable[..., Array]
    kernel_init: initializers.Initializer = he_normal()
    precision: str = "float32"

    @nn.compact
    def __call__(self, x: Array, skip: Array | None = None) -> Array:
        if skip is None:
            return apply(self.operation, self.precision, x, *_parameters(self, x.shape[-1]))

        def join(x: Array, skip: Array, kernel: Array, bias: Array) -> Array:
            return self.operation(x, kernel, bias, skip=skip)

        parameters = _parameters(self, x.shape[-1] + skip.shape[-1])
        return apply(join, self.precision, x, skip, *parameters)


class Parameters(nn.Module):
    """Kernel and bias of a ``Convolution`` that is computed together with another one; its
    attributes are those of ``Convolution``."""

    features: int
    kernel_size: int
    kernel_init: initializers.Initializer = he_normal()

    @nn.compact
    def __call__(self, channels: int) -> tuple[Array, Array]:
        """Returns the kernel ``[k, k, channels, F]`` and the bias ``[F]``."""
        return _parameters(self, channels)


class ParallelParameters(Parameters):
    """Kernel and bias of two transposed convolutions whose outputs are added.

    Attributes:
      side: side of the second kernel, the parameter ``parallel_kernel``.
      stride: stride of both.
    """

    side: int = 3
    stride: int = 2

    @nn.compact
    def __call__(self, channels: int) -> tuple[Array, Array]:
        """Returns the sum of the kernels, and the bias."""
        kernel, bias = _parameters(self, channels)
        shape = (self.side, self.side, channels, self.features)
        parallel = self.param("parallel_kernel", self.kernel_init, shape)
        return sum_kernels(kernel, parallel, self.stride), bias


def apply(operation: Callable[..., Array], precision: str, *arrays: Array) -> Array:
    """Applies an operation to float32 arrays, in the precision of ``Convolution``."""
    if precision == "bfloat16":
        arrays = tuple(array.astype(jnp.bfloat16) for array in arrays)
    # By default GPUs round the products of float32 arrays to tf32, and TPUs to bfloat16.
    with jax.default_matmul_precision(PRODUCTS[precision]):
        return operation(*arrays)


def _parameters(layer: Convolution | Parameters, channels: int) -> tuple[Array, Array]:
    shape = (layer.kernel_size, layer.kernel_size, channels, layer.features)
    kernel = layer.param("kernel", layer.kernel_init, shape)
    return kernel, layer.param(
        "bias", bias_initializer(layer.kernel_init, shape), (layer.features,)
    )
