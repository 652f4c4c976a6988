"""Receptive fields from declared layers, against those from gradients."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aedenoise.config import DECODER_SPECS, DECODERS, Layer, ModelConfig
from aedenoise.config.decoders import decoder_layers, get_decoder_spec
from aedenoise.errors import UsageError
from aedenoise.models import build_autoencoder, receptive_field
from aedenoise.models.decoders import DECODERS as MODULES
from aedenoise.models.receptive_field import reach

_WIDTHS = {"encoder_features": (4, 4), "decoder_features": (4, 4)}
_CONFIGS = [
    *({"decoder": name, **_WIDTHS} for name in DECODERS),
    *({"decoder": name, **_WIDTHS, "kernel_size": 4} for name in ("upsample", "transpose")),
    *(
        {"decoder": name, **_WIDTHS, "order": "resize_conv"}
        for name, spec in DECODER_SPECS.items()
        if spec.takes_order
    ),
    *(
        {"decoder": name, **_WIDTHS, "tail": False, "kernel_size": kernel}
        for name, spec in DECODER_SPECS.items()
        if spec.takes_tail
        for kernel in (1, 5)
    ),
    {"decoder": "bilinear", "stride": 3, **_WIDTHS},
    {"decoder": "transpose", "stride": 3, "kernel_size": 2, **_WIDTHS},
    *(
        {"decoder": name, **_WIDTHS, "skip": skip, "convs": convs}
        for name, skip, convs in (
            ("upsample", "concat", 1),
            ("bilinear", "add", 2),
            ("transpose", "concat", 3),
        )
    ),
    {"network": "plain", "encoder_features": (4, 4), "convs": 2},
    {"network": "net_sure"},
    {"network": "udacity"},
]


def measured_reach(config: ModelConfig) -> int:
    """Measures the distance to the farthest input pixel with a gradient, over the pixels of a
    block and many images, with positive kernels, so that no ReLU is dead."""
    side = config.fitting(2 * (reach(config) + config.downsampling + 1)) or 0
    model = build_autoencoder(config, lowering="plain")
    images = jax.random.uniform(jax.random.key(0), (12, side, side, 1))
    params: Any = jax.jit(model.init)(jax.random.key(1), images[:1])["params"]
    params = jax.tree.map(lambda leaf: jnp.abs(leaf) + 0.01, params)

    @jax.jit
    def seen_rows(pixel: Any) -> Any:
        def values(image: Any) -> Any:
            logits = model.apply({"params": params}, image)
            return jnp.sum(jax.lax.dynamic_slice(logits, (0, pixel, pixel, 0), (12, 1, 1, 1)))

        return jnp.any(jax.grad(values)(images) != 0.0, axis=(0, 2, 3))

    middle = side // 2 // config.downsampling * config.downsampling
    farthest = 0
    for pixel in range(middle, middle + config.downsampling):
        seen = np.asarray(seen_rows(pixel))
        assert not seen[[0, -1]].any()
        rows = np.flatnonzero(seen)  # none where stride leaves gaps between kernels
        farthest = max(farthest, *(abs(pixel - row) for row in rows), 0)
    return int(farthest)


@pytest.mark.parametrize("fields", _CONFIGS, ids=lambda f: "-".join(map(str, f.values())))
@pytest.mark.fast_cases("upsample-(4, 4)-(4, 4)", "transpose-(4, 4)-(4, 4)-False-5")
def test_the_reach_is_the_one_that_gradients_have(fields: dict[str, Any]) -> None:
    config = ModelConfig(**fields)
    found, declared = measured_reach(config), reach(config)
    assert found <= declared
    # Of max_unpool, and where zeros are put between, most pixels look less far.
    if config.network != "conv" or config.decoder not in ("max_unpool", "unpool"):
        assert found == declared


def test_every_entry_has_its_module() -> None:
    assert tuple(MODULES) == DECODERS


def test_unknown_names_and_layers_are_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'transpose'"):
        get_decoder_spec("transposed")
    with pytest.raises(UsageError, match="unknown decoder"):
        decoder_layers("dilated", kernel_size=3, stride=2, count=2, order="conv_resize", tail=True)
    for network in ("mlp", "gan", "keras_2018"):
        with pytest.raises(UsageError, match=f"model {network} has no receptive field"):
            reach(ModelConfig(network=network))
    with pytest.raises(ValueError, match="unknown kind"):
        receptive_field._read(Layer("dilated", 3, 1), 0, 0)
