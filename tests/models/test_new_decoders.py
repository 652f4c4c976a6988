"""What the decoders against checkerboards, and the content-aware one, promise."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aedenoise import ops
from aedenoise.config import ModelConfig
from aedenoise.models import build_decoder
from aedenoise.ops.kernel_sums import smooth_kernel, sum_kernels

KEY = jax.random.key(0)
few = settings(max_examples=15, deadline=None)


def grid(image: jax.Array, period: int) -> float:
    """Returns the deviation between the means of the phases, without the border."""
    inner = np.asarray(image)[0, 8:-8, 8:-8, 0]
    blocks = inner[: len(inner) // period * period, : inner.shape[1] // period * period]
    blocks = blocks.reshape(len(blocks) // period, period, -1, period)
    return float(blocks.mean(axis=(0, 2)).std())


@pytest.mark.parametrize("kernel_size", [2, 3, 4, 5])
def test_a_smoothed_transposed_convolution_leaves_no_grid(kernel_size: int) -> None:
    code = jnp.ones((1, 12, 12, 8))
    found = {}
    for name in ("transpose", "transpose_smooth"):
        decoder = build_decoder(
            ModelConfig(decoder=name, decoder_features=(8, 8), kernel_size=kernel_size)
        )
        params = decoder.init(KEY, code)
        found[name] = grid(decoder.apply(params, code), 4)
    assert found["transpose_smooth"] < 1e-6 < 1e-3 < found["transpose"]


def test_no_gradient_of_its_period_reaches_the_weights_below_the_smoothing() -> None:
    # A checkerboard as the gradient from above, on the output of the smoothing.
    wave = jnp.indices((24, 24)).sum(0) % 2 * 2.0 - 1.0
    above = jnp.broadcast_to(wave[None, :, :, None], (1, 24, 24, 4))
    _, pull = jax.vjp(lambda x: ops.smooth(x, 2), jnp.zeros((1, 24, 24, 4)))
    (gradient,) = pull(above)
    np.testing.assert_allclose(gradient[:, 2:-2, 2:-2], 0.0, atol=1e-6)


@few
@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 3))
def test_a_sum_of_kernels_is_the_sum_of_the_convolutions(one: int, other: int, stride: int) -> None:
    keys = jax.random.split(KEY, 3)
    image = jax.random.normal(keys[0], (1, 5, 6, 2))
    kernels = [
        jax.random.normal(k, (s, s, 2, 3)) for k, s in zip(keys[1:], (one, other), strict=True)
    ]
    bias = jnp.zeros(3)
    apart = [
        ops.conv_transpose(image, kernel, bias, stride=stride, lowering="auto")
        for kernel in kernels
    ]
    together = ops.conv_transpose(
        image, sum_kernels(*kernels, stride), bias, stride=stride, lowering="auto"
    )
    np.testing.assert_allclose(together, apart[0] + apart[1], atol=1e-4)


@few
@given(st.sampled_from([1, 3, 5]), st.integers(1, 3))
def test_a_smoothed_kernel_is_smoothing_and_a_convolution(side: int, mean: int) -> None:
    keys = jax.random.split(KEY, 2)
    image = jax.random.normal(keys[0], (1, 16, 16, 2))
    kernel, bias = jax.random.normal(keys[1], (side, side, 2, 3)), jnp.zeros(3)
    apart = ops.conv(ops.smooth(image, mean), kernel, bias, lowering="auto")
    together = ops.conv(image, smooth_kernel(kernel, mean), bias, lowering="auto")
    np.testing.assert_allclose(together[:, 5:-5, 5:-5], apart[:, 5:-5, 5:-5], atol=1e-4)


@few
@given(st.integers(1, 4), st.sampled_from([1, 3, 5]))
def test_reassembly_is_a_mean_of_neighbours(factor: int, side: int) -> None:
    image = jax.random.normal(KEY, (2, 5, 4, 3))
    count = factor**2 * side**2
    logits = jnp.zeros((2, 5, 4, count))
    # Weight for the middle alone is nearest upsampling; equal weights are the mean of neighbours.
    middle = logits.reshape(2, 5, 4, factor**2, -1).at[..., side**2 // 2].set(50.0)
    nearest = ops.upsample(image, factor, "nearest")
    found = ops.reassemble(image, middle.reshape(logits.shape), factor)
    np.testing.assert_allclose(found, nearest, atol=1e-5)
    means = ops.upsample(ops.smooth(image, side), factor, "nearest")
    np.testing.assert_allclose(ops.reassemble(image, logits, factor), means, atol=1e-5)


def test_the_gradient_of_reassembly_is_that_of_finite_differences() -> None:
    image = jax.random.normal(KEY, (1, 3, 3, 2))
    logits = jax.random.normal(jax.random.key(1), (1, 3, 3, 36))
    jax.test_util.check_grads(
        lambda x, w: ops.reassemble(x, w, 2), (image, logits), order=1, modes=["rev"], rtol=1e-2
    )
