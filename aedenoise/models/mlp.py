"""Dense networks: an image as one row of numbers, through layers of decreasing or any width, to a
code ``[B, 1, 1, F]``, and back through their mirror.

Layers can be used one at a time, on rows ``[B, F]``: greedy training needs that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.models.initializers import kernel_initializer
from aedenoise.models.layers import PRODUCTS

_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
}


class Affine(nn.Module):
    """``x @ kernel + bias``, named and shaped as in ``nn.Dense``.

    Attributes:
      inputs, features: how many values go in and come out.
      precision, initializer: see ``ModelConfig``.
    """

    inputs: int
    features: int
    precision: str = "float32"
    initializer: str = "he"

    def setup(self) -> None:
        init = kernel_initializer(self.initializer)
        self.kernel = self.param("kernel", init, (self.inputs, self.features))
        self.bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))

    def __call__(self, x: Array) -> Array:
        return affine(x, self.kernel, self.bias, self.precision)


def affine(x: Array, kernel: Array, bias: Array, precision: str) -> Array:
    """``x @ kernel + bias`` of rows ``[B, F]``, in the arithmetic that ``precision`` names."""
    if precision == "bfloat16":
        x, kernel, bias = (array.astype(jnp.bfloat16) for array in (x, kernel, bias))
    with jax.default_matmul_precision(PRODUCTS[precision]):
        return x @ kernel + bias[None]


class DenseEncoder(nn.Module):
    """Layers ``activation(x @ kernel + bias)``; the last makes the code.

    Attributes:
      shape: height, width and channels of the images.
      widths: of the layers.
      activation: ``relu`` or ``sigmoid``.
      precision, initializer: see ``ModelConfig``.
    """

    shape: tuple[int, int, int]
    widths: Sequence[int]
    activation: str = "relu"
    precision: str = "float32"
    initializer: str = "he"

    def setup(self) -> None:
        inputs = (math.prod(self.shape), *self.widths[:-1])
        self.layers = [
            Affine(before, after, self.precision, self.initializer)
            for before, after in zip(inputs, self.widths, strict=True)
        ]

    def __call__(self, image: Array) -> Array:
        if image.shape[1:] != self.shape:
            raise ValueError(f"this network is for images {self.shape}, not {image.shape[1:]}")
        code = self.below(image.reshape(len(image), -1), len(self.widths))
        return code[:, None, None, :]

    def below(self, x: Array, count: int) -> Array:
        """What the first ``count`` layers make of rows ``[B, H W C]``."""
        for number in range(count):
            x = self.layer(x, number)
        return x

    def layer(self, x: Array, number: int) -> Array:
        """What layer ``number`` makes of the rows that it gets."""
        return self.act(self.layers[number](x))

    def act(self, x: Array) -> Array:
        """The activation."""
        return _ACTIVATIONS[self.activation](x)


class DenseDecoder(nn.Module):
    """The mirror: layer ``number`` leads back to where the encoder's layer ``number`` began.

    Attributes:
      encoder: that encoder.
      tied: whether its kernels are the encoder's, transposed, so that only biases are new.
    """

    encoder: DenseEncoder
    tied: bool = False

    def setup(self) -> None:
        encoder = self.encoder
        outputs = (math.prod(encoder.shape), *encoder.widths[:-1])
        zeros = nn.initializers.zeros_init()
        if self.tied:
            self.biases = [
                self.param(f"bias_{number}", zeros, (width,))
                for number, width in enumerate(outputs)
            ]
        else:
            self.layers = [
                Affine(after, before, encoder.precision, encoder.initializer)
                for before, after in zip(outputs, encoder.widths, strict=True)
            ]

    def __call__(self, code: Array) -> Array:
        x = code.reshape(len(code), -1)
        for number in reversed(range(1, len(self.encoder.widths))):
            x = self.encoder.act(self.layer(x, number))
        return self.layer(x, 0).reshape(-1, *self.encoder.shape)

    def layer(self, x: Array, number: int) -> Array:
        """What layer ``number`` makes of rows ``[B, F]``, before the activation; of layer 0 these
        are logits."""
        if self.tied:
            kernel = self.encoder.layers[number].kernel.T
            return affine(x, kernel, self.biases[number], self.encoder.precision)
        rows: Array = self.layers[number](x)
        return rows
