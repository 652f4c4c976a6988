"""One contract for all decoders, and their parameters."""

from __future__ import annotations

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aedenoise.config import DECODERS, ModelConfig
from aedenoise.models import (
    Autoencoder,
    Encoder,
    SubpixelDecoder,
    TransposeDecoder,
    build_autoencoder,
)
from aedenoise.ops import (
    depth_to_space,
    max_pool,
    max_pool_argmax,
    max_unpool,
    sum_channels,
    unpool,
    upsample,
)
from aedenoise.ops.images import to_image
from aedenoise.training.task import parameter_count

KEY = jax.random.key(0)
pytestmark = pytest.mark.usefixtures("strict_dtypes")


@functools.cache
def make(decoder: str, shape: tuple[int, ...] = (2, 28, 28, 1), **options: object):
    """Returns a model, its variables, and an image."""
    model = build_autoencoder(ModelConfig(decoder=decoder, **options), shape[-1])
    image = jax.random.uniform(KEY, shape)
    return model, jax.jit(model.init)(KEY, image), image


def output_shape(decoder: str, shape: tuple[int, ...], **options: object) -> tuple[int, ...]:
    """Returns the shape of the output without computing it."""
    model = build_autoencoder(ModelConfig(decoder=decoder, **options), shape[-1])
    image = jax.ShapeDtypeStruct(shape, jnp.float32)
    return jax.eval_shape(model.apply, jax.eval_shape(model.init, KEY, image), image).shape


# Parameters at the reference widths: encoder 9,568 = 10 * 32 + (9 * 32 + 1) * 32, and the decoder.
PARAMETERS = dict.fromkeys(DECODERS, 28_353) | {
    "subpixel": 9_568 + 2 * (9 * 32 + 1) * 128 + 289,
    "bilinear_additive": 9_568 + 2 * (9 * 8 + 1) * 32 + 289,
    "transpose_parallel": 28_353 + 2 * 9 * 32 * 32,
    "carafe": 28_353 + 2 * (32 + 1) * 36,
}


@pytest.mark.parametrize("decoder", DECODERS)
class TestContract:
    def test_parameters_at_reference_widths(self, decoder: str) -> None:
        _, variables, _ = make(decoder)
        assert parameter_count(variables) == PARAMETERS[decoder]
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))

    @pytest.mark.parametrize("size", [(28, 28), (4, 4), (8, 20), (36, 12)])
    def test_any_size_divisible_by_four(self, decoder: str, size: tuple[int, int]) -> None:
        assert output_shape(decoder, (2, *size, 1)) == (2, *size, 1)

    def test_other_sizes_are_refused_or_returned_to(self, decoder: str) -> None:
        model, variables, _ = make(decoder)
        if decoder == "max_unpool":
            assert output_shape(decoder, (1, 30, 27, 1)) == (1, 30, 27, 1)
            return
        with pytest.raises(ValueError, match="cannot be cut into blocks"):
            model.apply(variables, jnp.zeros((1, 30, 28, 1)))

    def test_colour_and_other_widths(self, decoder: str) -> None:
        options = {"encoder_features": (4, 8, 16), "decoder_features": (16, 8, 4), "kernel_size": 5}
        assert output_shape(decoder, (1, 16, 24, 3), **options) == (1, 16, 24, 3)

    def test_stride_three(self, decoder: str) -> None:
        widths = {"encoder_features": (36, 36), "decoder_features": (36, 36)}
        assert output_shape(decoder, (1, 18, 27, 1), stride=3, **widths) == (1, 18, 27, 1)

    @pytest.mark.parametrize("kernel_size", [1, 2, 4, 5, 6])
    def test_other_kernels(self, decoder: str, kernel_size: int) -> None:
        assert output_shape(decoder, (1, 8, 12, 1), kernel_size=kernel_size) == (1, 8, 12, 1)

    @pytest.mark.fast_cases("upsample", "transpose")
    def test_gradients_are_finite_and_reach_every_parameter(self, decoder: str) -> None:
        model, variables, image = make(decoder)

        def error(v):
            return jnp.sum(jnp.square(to_image(model.apply(v, image)) - image))

        gradient = jax.jit(jax.grad(error))(variables)
        for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
            assert bool(jnp.all(jnp.isfinite(leaf))), path
            assert bool(jnp.any(leaf != 0.0)), path

    @pytest.mark.fast_cases("upsample", "transpose")
    def test_jit_and_batch_size_change_nothing(self, decoder: str) -> None:
        model, variables, image = make(decoder)
        whole = model.apply(variables, image)
        np.testing.assert_allclose(jax.jit(model.apply)(variables, image), whole, atol=1e-5)
        np.testing.assert_allclose(model.apply(variables, image[1:]), whole[1:], atol=1e-5)

    def test_image_is_in_range(self, decoder: str) -> None:
        model, variables, image = make(decoder)
        output = to_image(100.0 * model.apply(variables, image))
        assert 0.0 <= float(output.min()) <= float(output.max()) <= 1.0

    def test_encode_then_decode_is_the_whole(self, decoder: str) -> None:
        model, variables, image = make(decoder)
        code = model.apply(variables, image, method="encode")
        assert jax.tree.leaves(code)[0].shape == (2, 7, 7, 32)
        logits = model.apply(variables, code, method="decode")
        np.testing.assert_array_equal(logits, model.apply(variables, image))


VARIANTS = [
    *(
        {"decoder": d, "order": "resize_conv"}
        for d in ("upsample", "bilinear", "bicubic", "unpool")
    ),
    *({"decoder": d, "tail": False} for d in ("transpose", "subpixel", "bilinear_additive")),
    {"decoder": "upsample", "order": "resize_conv", "tail": False},
    {"decoder": "subpixel", "icnr": False},
]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.fast_cases("{'decoder': 'transpose', 'tail': False}")
def test_variants_return_the_shape_and_learn(options: dict[str, object]) -> None:
    model, variables, image = make(**options)
    assert model.apply(variables, image).shape == image.shape
    if options.get("order") == "resize_conv" and options.get("tail", True):
        assert parameter_count(variables) == 28_353  # the twin of the transposed network

    def error(v):
        return jnp.mean(jnp.square(to_image(model.apply(v, image)) - image))

    gradient = jax.jit(jax.grad(error))(variables)
    assert all(bool(jnp.any(leaf != 0.0)) for leaf in jax.tree.leaves(gradient))


def test_icnr_begins_without_checkerboards_and_he_does_not() -> None:
    """Decodes a constant code: the blocks of an untrained sub-pixel decoder are flat, except at
    the borders, where padding shows."""
    code = jnp.ones((1, 9, 9, 32))
    spread = {}
    for icnr in (True, False):
        decoder = SubpixelDecoder(features=(8,), tail=False, icnr=icnr)
        output = decoder.apply(decoder.init(KEY, code), code)[0, 4:-4, 4:-4, 0]
        spread[icnr] = float(jnp.ptp(output))
    assert spread[True] < 1e-5
    assert spread[False] > 0.1


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(("precision", "tolerance"), [("tf32", 1e-5), ("bfloat16", 0.1)])
@pytest.mark.fast_cases("tf32-1e-05-upsample", "bfloat16-0.1-transpose")
def test_precisions_share_parameters_and_return_float32(
    decoder: str, precision: str, tolerance: float
) -> None:
    model, variables, image = make(decoder)
    expected = model.apply(variables, image)
    other, _, _ = make(decoder, precision=precision)
    logits = other.apply(variables, image)
    assert logits.dtype == jnp.float32
    if decoder == "max_unpool":  # rounded values have other maxima here and there
        assert float(jnp.mean(jnp.abs(logits - expected))) < tolerance / 4
    else:
        np.testing.assert_allclose(logits, expected, atol=tolerance)
    assert bool(jnp.any(logits != expected)) == (precision == "bfloat16")


def test_parts_that_do_not_mirror_each_other_are_refused() -> None:
    model = Autoencoder(Encoder((4, 4)), TransposeDecoder((4,)))
    with pytest.raises(ValueError, match="do not mirror"):
        model.init(KEY, jnp.zeros((1, 8, 8, 1)))


def test_nearest_makes_nine_pixels_of_one() -> None:
    image = jnp.arange(9.0).reshape(1, 3, 3, 1)
    enlarged = upsample(image, 3, "nearest")[0, :, :, 0]
    np.testing.assert_array_equal(enlarged, np.kron(image[0, :, :, 0], np.ones((3, 3))))


def test_unpooling_fills_the_first_corner() -> None:
    image = jnp.array([[1, 2], [3, 4]]).reshape(1, 2, 2, 1)
    expected = [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(unpool(image, 2)[0, :, :, 0], expected)


def test_max_unpooling_puts_values_back_at_odd_sizes() -> None:
    image = jnp.array([[1, 5, 0, 0, 9], [2, 3, 7, 7, 9], [4, 4, 4, 4, 4]]).reshape(1, 3, 5, 1)
    pooled, places = max_pool_argmax(image, 2)
    np.testing.assert_array_equal(pooled[0, :, :, 0], [[5, 7]])
    # The last column and row belong to no block; of equal maxima the first counts.
    expected = [[0, 10, 0, 0, 0], [0, 0, 20, 0, 0], [0, 0, 0, 0, 0]]
    back = max_unpool(jnp.array([10, 20]).reshape(1, 1, 2, 1), places, 2)
    np.testing.assert_array_equal(back[0, :, :, 0], expected)


def test_pixels_are_shuffled_out_of_channels() -> None:
    image = jnp.arange(16).reshape(1, 1, 2, 8)  # two pixels, blocks of four, two channels
    shuffled = depth_to_space(image, 2)
    np.testing.assert_array_equal(shuffled[0, :, :, 0], [[0, 2, 8, 10], [4, 6, 12, 14]])
    np.testing.assert_array_equal(shuffled[0, :, :, 1], [[1, 3, 9, 11], [5, 7, 13, 15]])


def test_neighbouring_channels_are_summed() -> None:
    image = jnp.broadcast_to(jnp.arange(8.0), (1, 3, 3, 8))
    summed = sum_channels(image, 4)
    assert summed.shape == (1, 3, 3, 2)
    np.testing.assert_allclose(summed[0, 0, 0], [0 + 1 + 2 + 3, 4 + 5 + 6 + 7])


def test_bilinear_of_two_pixels() -> None:
    enlarged = upsample(jnp.array([0.0, 4.0]).reshape(1, 1, 2, 1), 2, "bilinear")
    np.testing.assert_allclose(enlarged[0, :, :, 0], [[0.0, 1.0, 3.0, 4.0]] * 2)


def test_transposed_convolution_spreads_each_pixel_over_its_kernel() -> None:
    layer = nn.ConvTranspose(1, (3, 3), (2, 2), use_bias=False)
    kernel = jnp.arange(1.0, 10.0).reshape(3, 3, 1, 1)
    image = jnp.array([[1.0, 0.0], [0.0, 10.0]]).reshape(1, 2, 2, 1)
    # Written out by hand: pixel (i, j) adds its kernel at (2i, 2j), cut to 4 x 4. Flax reads
    # the kernel as a correlation over the spread-out input, so that it lands turned around.
    turned = np.arange(9, 0, -1).reshape(3, 3)
    expected = np.zeros((5, 5))
    expected[0:3, 0:3] += turned
    expected[2:5, 2:5] += 10 * turned
    output = layer.apply({"params": {"kernel": kernel}}, image)[0, :, :, 0]
    np.testing.assert_allclose(output, expected[:4, :4])


@pytest.mark.parametrize(("window", "shape"), [(2, (4, 6, 3)), (3, (3, 9, 1)), (4, (8, 4, 5))])
@pytest.mark.fast_cases("3-shape1")
def test_max_pool_equals_flax(window: int, shape: tuple[int, int, int]) -> None:
    image = jax.random.normal(KEY, (2, *shape))

    def ours(x: jax.Array) -> jax.Array:
        return max_pool(x, window)

    def theirs(x: jax.Array) -> jax.Array:
        return nn.max_pool(x, (window, window), (window, window))

    pooled = ours(image)
    np.testing.assert_array_equal(pooled, theirs(image))
    weights = jax.random.normal(jax.random.key(1), pooled.shape)
    of_ours, of_theirs = (jax.vjp(pool, image)[1](weights)[0] for pool in (ours, theirs))
    np.testing.assert_array_equal(of_ours, of_theirs)
