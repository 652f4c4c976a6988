"""The parameters of a convolution, and an operation of ``ops`` that uses them."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
from flax.linen import initializers
from jax import Array

from aedenoise.models.initializers import he_normal


class Convolution(nn.Module):
    """Any operation with a kernel and a bias, named and shaped as in ``nn.Conv`` and
    ``nn.ConvTranspose``.

    Attributes:
      features: output channels.
      kernel_size: side of the kernel, in pixels.
      operation: ``(x, kernel, bias) -> y`` on arrays.
      kernel_init: how the kernel begins.
    """

    features: int
    kernel_size: int
    operation: Callable[[Array, Array, Array], Array]
    kernel_init: initializers.Initializer = he_normal()

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", initializers.zeros_init(), (self.features,))
        return self.operation(x, kernel, bias)
