"""Every operation's lowering for CPU against the plain one, and the tables of taps behind it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aedenoise import ops
from aedenoise.config import ModelConfig
from aedenoise.models import build_autoencoder
from aedenoise.ops import native, phases
from aedenoise.ops.native import build

KERNELS = native.load()
needs_kernels = pytest.mark.skipif(KERNELS.problem is not None, reason=str(KERNELS.problem))

# batch, height, width, channels, outputs, kernel, stride: odd and even sizes, images smaller than
# the kernel, kernels smaller than the stride, channels below, at and above every vector's width.
SHAPES = [
    (3, 5, 7, 16, 33, 3, 2),
    (2, 1, 2, 20, 16, 3, 2),
    (17, 7, 7, 32, 32, 3, 2),
    (2, 5, 9, 1, 32, 3, 2),
    (2, 6, 4, 32, 1, 3, 2),
    (1, 1, 2, 3, 5, 5, 2),
    (2, 4, 5, 17, 33, 2, 3),
    (2, 8, 3, 64, 12, 1, 3),
]


def dense(axis: phases.Axis, size: int, out: int, weights: np.ndarray) -> np.ndarray:
    """Computes the matrix ``[out, size]`` of a phase convolution along one axis."""
    matrix = np.zeros((out, size))
    taps = iter(weights)
    for phase, shifts in enumerate(axis.shifts):
        for shift, weight in zip(shifts, taps, strict=False):
            for i in range(axis.places(phase, out)):
                place = axis.in_stride * i + shift
                if 0 <= place < size:
                    matrix[axis.out_stride * i + phase, place] += weight
    return matrix


@pytest.mark.parametrize("kernel", range(1, 6))
@pytest.mark.parametrize("stride", range(1, 4))
def test_the_transpose_of_the_taps_is_the_transpose_of_the_matrix(kernel: int, stride: int) -> None:
    random = np.random.default_rng(0)
    for size in range(1, 9):
        axis, out = phases.convolution(size, kernel, stride)
        forms = [(axis, out, random.normal(size=kernel))]
        axis, rows = phases.transposed_convolution(kernel, stride)
        forms.append((axis, size * stride, random.normal(size=kernel)[rows]))
        axis, sums = phases.upsampled_convolution(kernel, stride)
        forms.append((axis, size * stride, sums @ random.normal(size=kernel)))
        for axis, out, weights in forms:
            back, taps = axis.transpose()
            forward = dense(axis, size, out, weights)
            np.testing.assert_allclose(dense(back, out, size, weights[taps]), forward.T)


def test_upsampling_reads_two_taps_where_the_kernel_has_three() -> None:
    axis, sums = phases.upsampled_convolution(3, 2)
    assert axis.shifts == ((-1, 0), (0, 1))
    np.testing.assert_array_equal(sums, [[1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 1]])


def test_both_strides_above_one_have_no_transpose() -> None:
    with pytest.raises(ValueError, match="must be 1"):
        phases.Axis(2, 2, ((0,), (0,))).transpose()


def operands(*shape: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    batch, height, width, channels, outputs, kernel = shape
    keys = jax.random.split(jax.random.key(sum(shape)), 3)
    return (
        jax.random.normal(keys[0], (batch, height, width, channels)),
        jax.random.normal(keys[1], (kernel, kernel, channels, outputs)),
        jax.random.normal(keys[2], (outputs,)),
    )


def assert_lowerings_agree(operation: Callable[..., jax.Array], *arrays: jax.Array) -> None:
    """Compares values and gradients up to float32 rounding of their sums."""

    def value_and_gradients(lowering: str) -> object:
        def loss(*arrays: jax.Array) -> tuple[jax.Array, jax.Array]:
            y = operation(*arrays, lowering=lowering)
            weights = jnp.cos(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape)
            return jnp.sum(y * weights), y

        (_, y), gradients = jax.jit(
            jax.value_and_grad(loss, argnums=tuple(range(len(arrays))), has_aux=True)
        )(*arrays)
        return y, gradients

    auto, plain = value_and_gradients("auto"), value_and_gradients("plain")
    for ours, theirs in zip(jax.tree.leaves(auto), jax.tree.leaves(plain), strict=True):
        scale = max(1.0, float(jnp.max(jnp.abs(theirs), initial=0.0)))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * scale)


@needs_kernels
@pytest.mark.parametrize("shape", SHAPES, ids=str)
class TestLowerings:
    def test_conv(self, shape: tuple[int, ...]) -> None:
        operation = partial(ops.conv, stride=shape[-1], relu=True)
        assert_lowerings_agree(operation, *operands(*shape[:-1]))

    def test_conv_transpose(self, shape: tuple[int, ...]) -> None:
        operation = partial(ops.conv_transpose, stride=shape[-1], relu=shape[0] > 2)
        assert_lowerings_agree(operation, *operands(*shape[:-1]))

    def test_conv_transpose_without_padding(self, shape: tuple[int, ...]) -> None:
        operation = partial(ops.conv_transpose, stride=shape[-1], padding="VALID")
        assert_lowerings_agree(operation, *operands(*shape[:-1]))

    def test_upsample_conv(self, shape: tuple[int, ...]) -> None:
        operation = partial(ops.upsample_conv, factor=shape[-1], relu=shape[0] > 2)
        assert_lowerings_agree(operation, *operands(*shape[:-1]))

    @pytest.mark.parametrize("method", ["bilinear", "bicubic"])
    def test_interpolation_and_conv(self, shape: tuple[int, ...], method: str) -> None:
        operation = partial(ops.upsample_conv, factor=shape[-1], method=method, relu=shape[0] > 2)
        assert_lowerings_agree(operation, *operands(*shape[:-1]))

    def test_conv_pool_relu(self, shape: tuple[int, ...]) -> None:
        batch, height, width, *rest, window = shape
        operation = partial(ops.conv_pool_relu, window=window)
        assert_lowerings_agree(operation, *operands(batch, height * window, width * window, *rest))


@needs_kernels
@pytest.mark.parametrize(
    "decoder",
    ["upsample", "bilinear", "bicubic", "bilinear_additive", "transpose", "subpixel", "max_unpool"],
)
@pytest.mark.fast_cases("upsample", "transpose")
def test_the_network_is_the_same_function_under_both(decoder: str) -> None:
    config = ModelConfig(decoder=decoder)
    image = jax.random.uniform(jax.random.key(1), (5, 28, 28, 1))
    params = build_autoencoder(config).init(jax.random.key(0), image)

    def gradient(lowering: str) -> object:
        model = build_autoencoder(config, lowering=lowering)
        return jax.jit(jax.grad(lambda p: jnp.mean(jnp.square(model.apply(p, image) - image))))(
            params
        )

    for ours, theirs in zip(
        jax.tree.leaves(gradient("auto")), jax.tree.leaves(gradient("plain")), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("lowering", ["auto", "plain"])
class TestAgainstFlax:
    """Flax's own layers, with the same parameters."""

    def test_conv(self, lowering: str) -> None:
        x, kernel, bias = operands(2, 9, 6, 3, 4, 3)
        layer = nn.Conv(4, (3, 3), strides=2)
        expected = layer.apply({"params": {"kernel": kernel, "bias": bias}}, x)
        ours = ops.conv(x, kernel, bias, stride=2, lowering=lowering)
        np.testing.assert_allclose(ours, expected, atol=1e-5)

    def test_conv_transpose(self, lowering: str) -> None:
        x, kernel, bias = operands(2, 5, 6, 3, 4, 5)
        layer = nn.ConvTranspose(4, (5, 5), (2, 2))
        expected = layer.apply({"params": {"kernel": kernel, "bias": bias}}, x)
        ours = ops.conv_transpose(x, kernel, bias, stride=2, lowering=lowering)
        np.testing.assert_allclose(ours, expected, atol=1e-5)

    def test_ties_of_a_pool_go_to_the_first_place(self, lowering: str) -> None:
        x = jnp.ones((1, 4, 4, 1))
        kernel, bias = jnp.ones((1, 1, 1, 1)), jnp.zeros((1,))

        def ours(x: jax.Array) -> jax.Array:
            return jnp.sum(ops.conv_pool_relu(x, kernel, bias, window=2, lowering=lowering))

        def flax(x: jax.Array) -> jax.Array:
            return jnp.sum(nn.max_pool(x, (2, 2), (2, 2)))

        np.testing.assert_array_equal(jax.grad(ours)(x), jax.grad(flax)(x))

    def test_nan_is_not_hidden(self, lowering: str) -> None:
        x = jnp.zeros((1, 4, 4, 1)).at[0, 3, 3, 0].set(jnp.nan)
        kernel, bias = jnp.ones((1, 1, 1, 1)), jnp.zeros((1,))
        pooled = ops.conv_pool_relu(x, kernel, bias, window=2, lowering=lowering)
        assert bool(jnp.isnan(pooled[0, 1, 1, 0]))
        assert bool(jnp.isnan(ops.conv(x, kernel, bias, relu=True, lowering=lowering)[0, 3, 3, 0]))

    def test_other_dtypes_are_taken(self, lowering: str) -> None:
        x, kernel, bias = (array.astype(jnp.bfloat16) for array in operands(2, 4, 4, 3, 4, 3))
        assert ops.conv(x, kernel, bias, lowering=lowering).dtype == jnp.bfloat16

    def test_under_vmap(self, lowering: str) -> None:
        x, kernel, bias = operands(6, 4, 5, 3, 4, 3)
        operation = partial(ops.upsample_conv, factor=2, lowering=lowering)
        by_parts = jax.vmap(lambda part: operation(part, kernel, bias))(x.reshape(2, 3, 4, 5, 3))
        np.testing.assert_allclose(
            by_parts.reshape(6, 8, 10, 4), operation(x, kernel, bias), atol=1e-5
        )


@needs_kernels
def test_gradients_repeat_bit_for_bit() -> None:
    x, kernel, bias = operands(40, 8, 8, 16, 16, 3)
    gradient = jax.jit(
        jax.grad(
            lambda kernel: jnp.sum(jnp.square(ops.conv(x, kernel, bias, lowering="auto"))),
        )
    )
    first = np.asarray(gradient(kernel))
    for _ in range(20):
        np.testing.assert_array_equal(gradient(kernel), first)


def test_a_compiler_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\necho 'cannot do that' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kernels = build._load(print)
    assert kernels.problem == f"{compiler} could not compile them: cannot do that"


def test_without_a_compiler_the_reason_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no C++ compiler" in str(build._load(print).problem)
    assert not build.needs_compiling()


@needs_kernels
def test_a_damaged_library_is_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = build._kept(str(build.find_compiler()))
    compiler = tmp_path / "c++"  # takes no time: the last argument is the library to make
    compiler.write_text(f'#!/bin/sh\nfor last; do :; done\ncp {compiled} "$last"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kept = build._kept(str(compiler))
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"half a library")
    killed = kept.with_suffix("")  # the folder in which a process was compiling
    killed.mkdir()
    (killed / "half.o").write_bytes(b"left by a kill")
    library, notice = build._library(str(compiler), print)
    assert notice is None
    assert library.aedenoise_phase_conv
    assert kept.read_bytes() == compiled.read_bytes()
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


@needs_kernels
def test_of_several_processes_one_compiles(tmp_path: Path) -> None:
    compiled = build._kept(str(build.find_compiler()))
    compiler = tmp_path / "c++"
    compiler.write_text(f'#!/bin/sh\nfor last; do :; done\nsleep 0.2; cp {compiled} "$last"\n')
    compiler.chmod(0o755)
    kept = tmp_path / "cache" / "kernels.so"
    said: list[str] = []
    # Locks belong to open files: threads exclude each other as processes do.
    with ThreadPoolExecutor() as pool:
        for _ in range(4):
            pool.submit(build._compile_kept, str(compiler), kept, said.append)
    assert said == ["compiling the CPU kernels for this machine, once"]
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


@needs_kernels
def test_kernels_without_a_cache_are_compiled_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = build._kept(str(build.find_compiler()))
    compiler = tmp_path / "c++"
    compiler.write_text(f'#!/bin/sh\nfor last; do :; done\ncp {compiled} "$last"\n')
    compiler.chmod(0o755)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    library, notice = build._library(str(compiler), print)
    assert library.aedenoise_phase_conv
    assert "cannot be written (Not a directory): the CPU kernels will be" in str(notice)
