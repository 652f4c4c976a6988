"""Networks of every kind with random parameters, for the tests of exported files."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.config import Experiment, ModelConfig, NoiseConfig
from aedenoise.inference.denoiser import Denoiser
from aedenoise.models import build_autoencoder

SHAPE = (28, 28, 1)
SMALL: dict[str, Any] = {"encoder_features": (4, 8), "decoder_features": (8, 4)}
MODELS = {
    "upsample": SMALL,
    "upsample k5": {**SMALL, "kernel_size": 5},
    "upsample resized first": {**SMALL, "order": "resize_conv", "tail": False},
    "bilinear": {**SMALL, "decoder": "bilinear"},
    "bicubic": {**SMALL, "decoder": "bicubic", "order": "resize_conv"},
    "transpose k3": {**SMALL, "decoder": "transpose"},
    "transpose k4": {**SMALL, "decoder": "transpose", "kernel_size": 4, "tail": False},
    "transpose k7": {**SMALL, "decoder": "transpose", "kernel_size": 7},
    "transpose k2 by 3": {
        "decoder": "transpose",
        "kernel_size": 2,
        "stride": 3,
        "encoder_features": (4,),
        "decoder_features": (5,),
    },
    "transpose_parallel k7": {**SMALL, "decoder": "transpose_parallel", "kernel_size": 7},
    "transpose_smooth": {**SMALL, "decoder": "transpose_smooth", "kernel_size": 2},
    "transpose_smooth by 3": {
        "decoder": "transpose_smooth",
        "stride": 3,
        "encoder_features": (4,),
        "decoder_features": (5,),
        "tail": False,
    },
    "subpixel": {**SMALL, "decoder": "subpixel", "tail": False},
    "bilinear_additive": {**SMALL, "decoder": "bilinear_additive", "decoder_features": (8, 8)},
    "unpool": {**SMALL, "decoder": "unpool"},
    "max_unpool": {**SMALL, "decoder": "max_unpool"},
    "carafe": {**SMALL, "decoder": "carafe"},
    "three stages": {"encoder_features": (4, 4, 4), "decoder_features": (4, 4, 4)},
    "noise level": {**SMALL, "condition": "noise_level"},
    "add": {**SMALL, "skip": "add", "residual": True},
    "add, other widths": {**SMALL, "decoder_features": (6, 5), "skip": "add", "convs": 2},
    "concat": {**SMALL, "skip": "concat"},
    "concat, two convolutions": {**SMALL, "skip": "concat", "convs": 2, "residual": True},
    "concat bicubic": {**SMALL, "decoder": "bicubic", "skip": "concat"},
    "concat resized first": {**SMALL, "order": "resize_conv", "skip": "concat", "convs": 2},
    "concat transpose k4": {
        **SMALL,
        "decoder": "transpose",
        "kernel_size": 4,
        "skip": "concat",
        "condition": "noise_level",
    },
    "concat subpixel": {**SMALL, "decoder": "subpixel", "skip": "concat"},
    "concat additive": {
        **SMALL,
        "decoder": "bilinear_additive",
        "decoder_features": (8, 8),
        "skip": "concat",
    },
    "add unpool": {**SMALL, "decoder": "unpool", "skip": "add"},
    "concat max_unpool": {**SMALL, "decoder": "max_unpool", "skip": "concat", "convs": 2},
    "add carafe": {**SMALL, "decoder": "carafe", "skip": "add", "convs": 2},
    "concat transpose_smooth": {**SMALL, "decoder": "transpose_smooth", "skip": "concat"},
    "plain": {"network": "plain", "encoder_features": (4, 6), "convs": 2, "residual": True},
    "mlp": {"network": "mlp", "hidden": (24,), "code_size": 8},
    "mlp tied": {"network": "mlp", "hidden": (24,), "tied": True, "activation": "sigmoid"},
    "keras_2018": {"network": "keras_2018"},
    "net_sure": {"network": "net_sure"},
    "udacity": {"network": "udacity"},
}


def denoiser(**model: Any) -> Denoiser:
    """A network with random parameters, biases included."""
    config = ModelConfig(**model)
    network = build_autoencoder(config, 1, lowering="plain")
    shape = shape_for(config)
    shapes = jax.eval_shape(
        lambda: network.init(jax.random.key(0), jnp.zeros((1, *shape)), jnp.zeros(1))
    )["params"]
    rng = np.random.default_rng(0)
    params = jax.tree.map(
        lambda leaf: jnp.asarray(
            rng.normal(0.0, 1.0 / np.sqrt(np.prod(leaf.shape[:-1]) or 1), leaf.shape), jnp.float32
        ),
        shapes,
    )
    experiment = Experiment(model=config, noise=NoiseConfig(level=0.3))
    size = None if config.any_size else SHAPE[:2]
    return Denoiser(network, params, experiment=experiment, channels=1, step=1, size=size)


def shape_for(config: ModelConfig) -> tuple[int, int, int]:
    side = config.fitting(28) if config.any_size else 28
    assert side is not None
    return side, side, 1
