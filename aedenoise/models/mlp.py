"""Dense autoencoders: flattened images to a code ``[B, 1, 1, F]``, and back by mirrored layers.

Layers can be applied one at a time, to rows ``[B, F]``, for greedy layer-wise pretraining.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.models.initializers import bias_initializer, kernel_initializer
from aedenoise.models.layers import PRODUCTS

_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
}


class Affine(nn.Module):
    """Dense layer ``x @ kernel + bias``, named and shaped as in ``nn.Dense``.

    Attributes:
      inputs, features: numbers of inputs and outputs.
      precision, initializer: see ``ModelConfig``.
    """

    inputs: int
    features: int
    precision: str = "float32"
    initializer: str = "he"

    def setup(self) -> None:
        init = kernel_initializer(self.initializer)
        shape = (self.inputs, self.features)
        self.kernel = self.param("kernel", init, shape)
        self.bias = self.param("bias", bias_initializer(init, shape), (self.features,))

    def __call__(self, x: Array) -> Array:
        return affine(x, self.kernel, self.bias, self.precision)


def affine(x: Array, kernel: Array, bias: Array, precision: str) -> Array:
    """Computes ``x @ kernel + bias`` for rows ``[B, F]``, in the arithmetic of ``precision``."""
    if precision == "bfloat16":
        x, kernel, bias = (array.astype(jnp.bfloat16) for array in (x, kernel, bias))
    with jax.default_matmul_precision(PRODUCTS[precision]):
        return x @ kernel + bias[None]


class DenseEncoder(nn.Module):
    """Encoder of layers ``activation(x @ kernel + bias)``; the last outputs the code.

    Attributes:
      shape: height, width and channels of the images.
      widths: widths of the layers, the code's last.
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
        code = self.below(image.reshape(image.shape[0], -1), len(self.widths))
        return code[:, None, None, :]

    def below(self, x: Array, count: int) -> Array:
        """Applies the first ``count`` layers to rows ``[B, H W C]``."""
        for number in range(count):
            x = self.layer(x, number)
        return x

    def layer(self, x: Array, number: int) -> Array:
        """Applies layer ``number``, with its activation, to rows ``[B, F]``."""
        return self.act(self.layers[number](x))

    def act(self, x: Array) -> Array:
        """Applies the activation."""
        return _ACTIVATIONS[self.activation](x)


class DenseDecoder(nn.Module):
    """Mirrored decoder: layer ``number`` maps back to the inputs of the encoder's layer ``number``.

    Attributes:
      encoder: the encoder to mirror.
      tied: whether kernels are the encoder's, transposed; only biases are then new parameters.
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
        x = code.reshape(code.shape[0], -1)
        for number in reversed(range(1, len(self.encoder.widths))):
            x = self.encoder.act(self.layer(x, number))
        return self.layer(x, 0).reshape(-1, *self.encoder.shape)

    def layer(self, x: Array, number: int) -> Array:
        """Applies layer ``number`` to rows ``[B, F]``, without activation; layer 0 gives logits."""
        if self.tied:
            kernel = self.encoder.layers[number].kernel.T
            return affine(x, kernel, self.biases[number], self.encoder.precision)
        rows: Array = self.layers[number](x)
        return rows
