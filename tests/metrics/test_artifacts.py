"""Artifact metrics, calibrated: zero without artifacts, exact on known ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aedenoise import ops
from aedenoise.config import DECODERS, Layer, ModelConfig
from aedenoise.errors import UsageError
from aedenoise.metrics.checkerboard import excess_power, measures, polyphase_index, unevenness
from aedenoise.models.overlap import overlap_map

KEY = jax.random.key(0)
NOISE = jax.random.normal(KEY, (64, 28, 28, 1))


def pattern(period: int, size: int = 28) -> jax.Array:
    """Makes a checkerboard of ``period``, mean 0 and mean square 1: ``[1, size, size, 1]``."""
    places = jnp.arange(size) % period < period // 2
    board = jnp.where(places[:, None] ^ places[None, :], 1.0, -1.0)
    return board[None, :, :, None]


@pytest.mark.parametrize("period", [2, 4])
def test_noise_has_no_grid(period: int) -> None:
    assert float(polyphase_index(NOISE, period)) < 16 * 5 / NOISE.size
    assert abs(float(excess_power(NOISE, period))) < 0.4


@pytest.mark.parametrize("period", [2, 4])
@pytest.mark.parametrize("strength", [0.05, 0.1, 0.5])
def test_a_known_pattern_has_its_known_value(period: int, strength: float) -> None:
    residual = NOISE + strength * pattern(period)
    expected = strength**2 / (1 + strength**2)
    assert float(polyphase_index(residual, period)) == pytest.approx(expected, rel=0.2, abs=5e-4)


def test_a_pure_pattern_is_one_and_a_constant_is_zero() -> None:
    assert float(polyphase_index(pattern(2), 2)) == pytest.approx(1.0)
    assert float(polyphase_index(pattern(4), 4)) == pytest.approx(1.0)
    assert float(polyphase_index(jnp.ones((2, 8, 8, 3)), 2)) == 0.0


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([2, 4]),
    st.lists(st.floats(0.1, 2), min_size=2, max_size=2, unique=True).map(sorted),
)
def test_measures_grow_with_the_pattern(period: int, strengths: list[float]) -> None:
    for measure in (polyphase_index, excess_power):
        weak, strong = (float(measure(NOISE + s * pattern(period), period)) for s in strengths)
        if strengths[1] > 1.05 * strengths[0]:
            assert weak < strong


def test_nearest_of_a_constant_has_none_and_an_uneven_kernel_has() -> None:
    ones = jnp.ones((1, 9, 9, 1))
    nearest = ops.upsample(ones, 2, "nearest")
    assert all(float(value) == 0.0 for name, value in measures(nearest).items() if "poly" in name)
    kernel, bias = jnp.ones((3, 3, 1, 1)), jnp.zeros(1)
    uneven = ops.conv_transpose(ones, kernel, bias, stride=2, lowering="plain")
    assert float(polyphase_index(uneven[:, 2:-2, 2:-2], 2)) > 0.1


# Weights one on a code of ones: what reaches a pixel is what the layers of ops compute.
@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("stride", [2, 3])
def test_the_overlap_map_is_what_the_layers_do(kernel: int, stride: int) -> None:
    x, ones = jnp.ones((1, 5, 5, 1)), jnp.ones((kernel, kernel, 1, 1))
    for _ in range(2):
        x = ops.conv_transpose(x, ones, jnp.zeros(1), stride=stride, lowering="plain")
    x = ops.conv(x, jnp.ones((3, 3, 1, 1)), jnp.zeros(1), lowering="plain")
    layers = [Layer("transpose", kernel, stride)] * 2 + [Layer("conv", 3, 1)]
    expected = np.asarray(x[0, :, :, 0])
    np.testing.assert_allclose(overlap_map(layers, 5), expected / expected.mean(), rtol=1e-6)


def test_overlap_by_hand() -> None:
    # Kernel 3, stride 2 (Odena et al. 2016): places take one and two pixels in turn.
    profile = overlap_map([Layer("transpose", 3, 2)], 4)[3]
    np.testing.assert_allclose(profile / profile.min(), [1, 1, 2, 1, 2, 1, 2, 1])
    even = overlap_map([Layer("transpose", 4, 2)], 4)[3]
    np.testing.assert_allclose(even / even.min(), [1, 2, 2, 2, 2, 2, 2, 1])


@pytest.mark.parametrize("decoder", DECODERS)
def test_maps_have_the_size_of_the_image_and_mean_one(decoder: str) -> None:
    found = overlap_map(ModelConfig(decoder=decoder).decoder_layers, 7)
    assert found.shape == (28, 28)
    assert found.mean() == pytest.approx(1.0)
    uneven = decoder in ("transpose", "transpose_parallel", "unpool")
    assert (unevenness(found, 8) > 0.1) == uneven


def test_published_networks_have_maps_and_unknown_layers_have_none() -> None:
    sides = {"keras_2018": 28, "net_sure": 28, "udacity": 60}
    for name, side in sides.items():
        found = overlap_map(ModelConfig(network=name).decoder_layers, 7)
        assert found.shape == (side, side)
    with pytest.raises(UsageError, match="no stages"):
        _ = ModelConfig(network="mlp").decoder_layers
    with pytest.raises(ValueError, match="no layer of kind"):
        overlap_map([Layer("dilated", 3, 1)], 7)
