"""The initialisers of kernels and biases."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from aedenoise.config import ModelConfig
from aedenoise.models import build_autoencoder


def variables(**settings: Any) -> Any:
    model = build_autoencoder(ModelConfig(**settings))
    image = jnp.zeros((1, 28, 28, 1))
    return jax.jit(model.init)(jax.random.key(0), image)["params"]


# From the fan-in that PyTorch computes: 9 x inputs, for transposed convolutions 4 x outputs.
TRANSPOSED = {"encoder/conv0": 9, "encoder/conv1": 288, "decoder/conv_transpose0": 128}
UPSAMPLED = {"encoder/conv0": 9, "decoder/conv0": 288, "decoder/output": 288}
DENSE = {"encoder/layers_0": 784, "encoder/layers_1": 512, "decoder/layers_0": 512}


@pytest.mark.parametrize(
    ("settings", "fans"),
    [
        ({"decoder": "transpose", "kernel_size": 2, "tail": False}, TRANSPOSED),
        ({"decoder": "upsample"}, UPSAMPLED),
        ({"network": "mlp"}, DENSE),
    ],
)
def test_that_of_pytorch_is_uniform_in_its_range(
    settings: dict[str, Any], fans: dict[str, int]
) -> None:
    found = variables(initializer="torch", **settings)
    for layer, fan in fans.items():
        part, name = layer.split("/")
        kernel, bias = (found[part][name][key] for key in ("kernel", "bias"))
        limit = fan**-0.5
        assert 0.9 * limit < float(jnp.max(jnp.abs(kernel))) <= limit, layer
        assert float(jnp.std(kernel)) == pytest.approx(limit / 3**0.5, rel=0.1), layer
        assert 0.0 < float(jnp.max(jnp.abs(bias))) <= limit, layer


@pytest.mark.parametrize("initializer", ["he", "glorot"])
def test_biases_of_the_others_are_zero(initializer: str) -> None:
    found = variables(initializer=initializer)
    for path, leaf in jax.tree_util.tree_leaves_with_path(found):
        assert ("bias" in str(path[-1])) == (float(jnp.max(jnp.abs(leaf))) == 0.0), path
