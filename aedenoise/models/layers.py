"""A linen module for any convolution of ``ops``."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen import initializers
from jax import Array

from aedenoise.models.initializers import he_normal

PRODUCTS = {"float32": "float32", "tf32": "tensorfloat32", "bfloat16": "bfloat16"}


class Convolution(nn.Module):
    """Layer with a kernel and a bias, named and shaped as in ``nn.Conv`` and
    ``nn.ConvTranspose``.

    Attributes:
      features: output channels.
      kernel_size: side of the kernel, in pixels.
      operation: ``(x, kernel, bias) -> y`` on arrays; with skip connections that it joins itself,
        ``(x, kernel, bias, skip=skip) -> y``.
      kernel_init: initialiser of the kernel.
      precision: ``float32``, ``tf32`` or ``bfloat16``; see ``ModelConfig``. Parameters are
        always float32.
      bias_init: initialiser of the bias.
    """

    features: int
    kernel_size: int
    operation: Callable[..., Array]
    kernel_init: initializers.Initializer = he_normal()
    precision: str = "float32"
    bias_init: initializers.Initializer = initializers.zeros_init()

    @nn.compact
    def __call__(self, x: Array, skip: Array | None = None) -> Array:
        channels = x.shape[-1] + (0 if skip is None else skip.shape[-1])
        shape = (self.kernel_size, self.kernel_size, channels, self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", self.bias_init, (self.features,))
        inputs = {} if skip is None else {"skip": skip}
        if self.precision == "bfloat16":
            x, kernel, bias = (array.astype(jnp.bfloat16) for array in (x, kernel, bias))
            inputs = {name: array.astype(jnp.bfloat16) for name, array in inputs.items()}
        # By default GPUs round the products of float32 arrays to tf32, and TPUs to bfloat16.
        with jax.default_matmul_precision(PRODUCTS[self.precision]):
            return self.operation(x, kernel, bias, **inputs)
