"""Networks of equal cost: the counts, and the widths found by the solver."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aedenoise.config import DECODERS, ModelConfig
from aedenoise.config.study import parse_decoder
from aedenoise.errors import UsageError
from aedenoise.models import build_autoencoder
from aedenoise.studies.comparison import costs
from aedenoise.studies.comparison.matching import match_networks

SHAPE = (28, 28, 1)
# Products of matrices, sums over channels or neighbours: XLA counts them, they are no convolutions.
ENLARGED_BY_PRODUCTS = {"bilinear", "bicubic", "bilinear_additive", "carafe"}


def operations(function: Any, *arguments: Any) -> float:
    """Returns XLA's cost analysis of the unoptimized program."""
    analysis: Any = jax.jit(function).lower(*arguments).cost_analysis()
    return float(analysis["flops"])


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 6), st.integers(1, 3), st.integers(3, 12), st.integers(1, 4), st.integers(1, 4)
)
def test_multiply_adds_of_one_layer_are_half_of_xlas_operations(
    kernel: int, stride: int, side: int, channels: int, features: int
) -> None:
    x = jnp.ones((1, side, side + 1, channels))
    weights = jnp.ones((kernel, kernel, channels, features))
    numbers = ("NHWC", "HWIO", "NHWC")
    strides = (stride, stride)

    def conv(x: Any, w: Any) -> Any:
        return jax.lax.conv_general_dilated(x, w, strides, "SAME", dimension_numbers=numbers)

    def transposed(x: Any, w: Any) -> Any:
        return jax.lax.conv_transpose(x, w, strides, "SAME", dimension_numbers=numbers)

    for layer in (conv, transposed):
        counted = costs.count_multiply_adds(layer, x, weights)
        assert 2 * counted == operations(layer, x, weights)


@pytest.mark.parametrize("decoder", DECODERS)
def test_multiply_adds_of_a_network_are_what_xla_counts_but_for_its_other_operations(
    decoder: str,
) -> None:
    config = ModelConfig(decoder=decoder, encoder_features=(16, 16), decoder_features=(16, 16))
    model = build_autoencoder(config, lowering="plain")
    image = jax.ShapeDtypeStruct((1, *SHAPE), jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), image)
    share = costs.multiply_adds(config, SHAPE) / (operations(model.apply, variables, image) / 2)
    assert (0.6 if decoder in ENLARGED_BY_PRODUCTS else 0.9) < share <= 1.0


def test_counts_of_the_two_tutorials() -> None:
    """Counts by hand: 9 taps less those on padding, (3 n - 2) along a side of n."""

    def conv(side: int, channels: int, features: int) -> int:
        return (3 * side - 2) ** 2 * channels * features

    encoder = conv(28, 1, 32) + conv(14, 32, 32)
    upsample = conv(7, 32, 32) + conv(14, 32, 32) + conv(28, 32, 1)
    # With stride 2 each input reaches three outputs along a side, minus one outside the image.
    transpose = (3 * 7 - 1) ** 2 * 32 * 32 + (3 * 14 - 1) ** 2 * 32 * 32 + conv(28, 32, 1)
    assert costs.multiply_adds(ModelConfig(), SHAPE) == encoder + upsample
    assert costs.multiply_adds(ModelConfig(decoder="transpose"), SHAPE) == encoder + transpose
    for decoder in ("upsample", "transpose"):
        counted = costs.parameters(ModelConfig(decoder=decoder), SHAPE)
        assert counted == {"encoder": 9568, "decoder": 18785}


@pytest.mark.parametrize("match", ["parameters", "multiply_adds"])
@pytest.mark.fast_cases("parameters")
def test_networks_cost_the_same_within_one_percent(match: str) -> None:
    base = ModelConfig(encoder_features=(16, 16), decoder_features=(16, 16))
    decoders = ("upsample", "transpose:k4", "subpixel:noicnr")
    networks = match_networks(decoders, base, SHAPE, match)
    reference = networks["upsample"]
    assert reference.features == (16, 16)
    for decoder, network in networks.items():
        assert getattr(network, match) == pytest.approx(getattr(reference, match), rel=0.01)
        model = build_autoencoder(
            ModelConfig(
                **{
                    **vars(parse_decoder(decoder, base)),
                    "decoder_features": network.features,
                }
            )
        )
        image = jax.ShapeDtypeStruct((1, *SHAPE), jnp.float32)
        shapes: Any = jax.eval_shape(model.init, jax.random.key(0), image)
        sizes = [np.prod(leaf.shape) for leaf in jax.tree.leaves(shapes)]
        assert sum(sizes) == network.parameters


def test_widths_of_groups_stay_groups() -> None:
    networks = match_networks(("upsample", "bilinear_additive"), ModelConfig(), SHAPE, "parameters")
    assert networks["bilinear_additive"].features[0] % 4 == 0


def test_a_decoder_that_cannot_cost_the_same_is_named() -> None:
    base = ModelConfig(encoder_features=(8, 8), decoder_features=(8, 8))
    with pytest.raises(UsageError, match=r"bilinear_additive has no widths .* within 1 %"):
        match_networks(("upsample", "bilinear_additive"), base, SHAPE, "multiply_adds")


@pytest.mark.slow
def test_latencies_are_measured_in_turn() -> None:
    base = ModelConfig(encoder_features=(2, 2), decoder_features=(2, 2))
    networks = match_networks(("upsample", "transpose"), base, (16, 16, 1), "latency")
    assert networks["upsample"].ratio == 1.0
    assert networks["transpose"].ratio > 0.0


def test_widths_stay_if_asked() -> None:
    networks = match_networks(("upsample", "transpose:k4"), ModelConfig(), SHAPE, "widths")
    assert {network.features for network in networks.values()} == {(32, 32)}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nearest", "unknown decoder 'nearest'"),
        ("transpose:k99", "kernel_size must be from 1 to 15"),
        ("transpose:notial", "did you mean 'notail'"),
        ("upsample:notail", "cannot be left out"),
        ("transpose:noicnr", "noicnr is for subpixel"),
    ],
)
def test_wrong_decoders_are_refused(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_decoder(name, ModelConfig())
