"""Convolutions of the networks, each with a CPU lowering and a plain one.

Kernels are ``[k, k, C, O]`` and biases ``[O]``, and results agree with ``flax.linen.Conv`` and
``ConvTranspose``. ``lowering`` is ``plain`` (XLA's convolutions on every platform), ``auto`` (on
CPU, for float32, the kernels of ``ops.native`` where they are available) or ``named`` (as
``plain``, with pooling and upsampling kept whole for export, see ``ops.named``).
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax

from aedenoise.ops import minimal_conv, native, phases, tailed_conv
from aedenoise.ops.interpolation import Resampling, resampling
from aedenoise.ops.minimal_conv import MinimalConv
from aedenoise.ops.phase_conv import PhaseConv, phase_conv
from aedenoise.ops.pooling import max_pool
from aedenoise.ops.resizing import upsample

_NHWC = ("NHWC", "HWIO", "NHWC")


def conv(
    x: Array, kernel: Array, bias: Array, *, stride: int = 1, relu: bool = False, lowering: str
) -> Array:
    """Applies a ``SAME`` convolution and an optional ReLU: ``[B, H, W, C] -> [B, H/s, W/s, O]``,
    sizes rounded up."""

    def plain(x: Array, kernel: Array, bias: Array) -> Array:
        return _relu_if(relu, _conv(x, kernel, stride) + _per_channel(bias))

    def fast(x: Array, kernel: Array, bias: Array) -> Array:
        return _fast_conv(x, kernel, bias, stride=stride, relu=relu)

    return _lower(lowering, fast, plain, x, kernel, bias)


def conv_pool_relu(x: Array, kernel: Array, bias: Array, *, window: int, lowering: str) -> Array:
    """Applies a ``SAME`` convolution, max pooling and ReLU: ``[B, H, W, C] -> [B, H/w, W/w, O]``.

    Raises:
      ValueError: if height or width is not divisible by ``window``.
    """

    def plain(x: Array, kernel: Array, bias: Array) -> Array:
        # ReLU and maximum commute; after the pooling it touches fewer values.
        convolved = _conv(x, kernel, 1) + _per_channel(bias)
        return jax.nn.relu(max_pool(convolved, window, lowering=lowering))

    def fast(x: Array, kernel: Array, bias: Array) -> Array:
        return _fast_conv(x, kernel, bias, relu=True, window=window)

    if x.shape[1] % window or x.shape[2] % window:
        raise ValueError(
            f"{x.shape[1]} x {x.shape[2]} pixels cannot be cut into blocks of {window}"
        )
    return _lower(lowering, fast, plain, x, kernel, bias)


def conv_transpose(
    x: Array,
    kernel: Array,
    bias: Array,
    *,
    stride: int,
    padding: str = "SAME",
    relu: bool = False,
    lowering: str,
) -> Array:
    """Applies a transposed convolution and an optional ReLU: ``[B, H, W, C] -> [B, s H, s W, O]``
    with padding ``SAME``; with ``VALID``, ``s H + max(k - s, 0)`` rows, and columns likewise."""

    def plain(x: Array, kernel: Array, bias: Array) -> Array:
        y = lax.conv_transpose(x, kernel, (stride, stride), padding, dimension_numbers=_NHWC)
        return _relu_if(relu, y + _per_channel(bias))

    def fast(x: Array, kernel: Array, bias: Array) -> Array:
        size, form = _enlarged(x, stride), minimal_conv.TRANSPOSED
        if stride == 2 and padding == "SAME" and minimal_conv.pays(form, kernel, size):
            return minimal_conv.minimal_conv(MinimalConv(form, size, relu), x, kernel, bias)
        axis_rows, rows = phases.transposed_convolution(kernel.shape[0], stride, padding)
        axis_columns, columns = phases.transposed_convolution(kernel.shape[1], stride, padding)
        height, width = _enlarged(x, stride)
        if padding == "VALID":
            height += max(kernel.shape[0] - stride, 0)
            width += max(kernel.shape[1] - stride, 0)
        plan = PhaseConv(axis_rows, axis_columns, (height, width), relu)
        return phase_conv(plan, x, kernel[rows][:, columns], bias)

    return _lower(lowering, fast, plain, x, kernel, bias)


def conv_transpose_conv(
    x: Array,
    kernel: Array,
    bias: Array,
    tail: Array,
    tail_bias: Array,
    *,
    stride: int,
    lowering: str,
) -> Array:
    """Applies ``conv_transpose`` with a ReLU and padding ``SAME``, then ``conv`` with the kernel
    ``tail`` ``[k, k, O, P]``: ``[B, H, W, C] -> [B, s H, s W, P]``."""

    def plain(x: Array, kernel: Array, bias: Array, tail: Array, tail_bias: Array) -> Array:
        y = conv_transpose(x, kernel, bias, stride=stride, relu=True, lowering=lowering)
        return conv(y, tail, tail_bias, lowering=lowering)

    # Asked only where kernels may run: sizes may be symbolic elsewhere.
    if (
        lowering != "auto"
        or stride != 2
        or not minimal_conv.pays(minimal_conv.TRANSPOSED, kernel, _enlarged(x, stride))
        or not tailed_conv.fits(kernel, tail)
    ):
        return plain(x, kernel, bias, tail, tail_bias)
    return _lower(lowering, tailed_conv.tailed_conv, plain, x, kernel, bias, tail, tail_bias)


def upsample_conv(
    x: Array,
    kernel: Array,
    bias: Array,
    *,
    factor: int,
    method: str = "nearest",
    relu: bool = False,
    skip: Array | None = None,
    lowering: str,
) -> Array:
    """Applies upsampling (``method`` as in ``upsample``), a ``SAME`` convolution and an optional
    ReLU: ``[B, H, W, C] -> [B, f H, f W, O]``. The convolution also reads ``skip``,
    ``[B, f H, f W, S]``, if given, as further channels: kernels are then ``[k, k, C + S, O]``."""
    if skip is not None:
        return _upsample_concat_conv(
            x, skip, kernel, bias, factor=factor, method=method, relu=relu, lowering=lowering
        )

    def plain(x: Array, kernel: Array, bias: Array) -> Array:
        enlarged = upsample(x, factor, method, lowering=lowering)
        return _relu_if(relu, _conv(enlarged, kernel, 1) + _per_channel(bias))

    def fast(x: Array, kernel: Array, bias: Array) -> Array:
        return _fast_upsample_conv(x, kernel, bias, factor, method, relu)

    return _lower(lowering, fast, plain, x, kernel, bias)


def _upsample_concat_conv(
    x: Array,
    skip: Array,
    kernel: Array,
    bias: Array,
    *,
    factor: int,
    method: str,
    relu: bool,
    lowering: str,
) -> Array:
    def plain(x: Array, skip: Array, kernel: Array, bias: Array) -> Array:
        enlarged = upsample(x, factor, method, lowering=lowering)
        joined = jnp.concatenate([enlarged, skip], axis=-1)
        return _relu_if(relu, _conv(joined, kernel, 1) + _per_channel(bias))

    def fast(x: Array, skip: Array, kernel: Array, bias: Array) -> Array:
        # A convolution of joined maps is a sum of two, of which one need not enlarge its map.
        own, other = jnp.split(kernel, [x.shape[-1]], axis=2)
        enlarged = _fast_upsample_conv(x, own, bias, factor, method, relu=False)
        return _relu_if(relu, enlarged + _fast_conv(skip, other, jnp.zeros_like(bias), relu=False))

    return _lower(lowering, fast, plain, x, skip, kernel, bias)


def _lower(
    lowering: str, fast: Callable[..., Array], plain: Callable[..., Array], *arrays: Array
) -> Array:
    in_float32 = all(array.dtype == jnp.float32 for array in arrays)
    # With an accelerator as default backend, compiling the CPU kernels is not worth the time.
    on_cpu = jax.default_backend() == "cpu"
    if lowering != "auto" or not (in_float32 and on_cpu) or native.load().problem:
        return plain(*arrays)
    y: Array = lax.platform_dependent(*arrays, cpu=fast, default=plain)
    return y


def _conv(x: Array, kernel: Array, stride: int) -> Array:
    return lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", dimension_numbers=_NHWC)


def _fast_conv(
    x: Array,
    kernel: Array,
    bias: Array,
    *,
    stride: int = 1,
    relu: bool,
    window: int = 1,
    enlargement: Resampling | None = None,
) -> Array:
    height, width = x.shape[1:3]
    if enlargement is not None:
        height = len(enlargement.rows.firsts)
        width = len(enlargement.columns.firsts)
    form = minimal_conv.CONVOLUTION
    if stride == 1 and minimal_conv.pays(form, kernel, (height, width)):
        plan = MinimalConv(form, (height, width), relu, window, enlargement)
        return minimal_conv.minimal_conv(plan, x, kernel, bias)
    rows, height = phases.convolution(height, kernel.shape[0], stride)
    columns, width = phases.convolution(width, kernel.shape[1], stride)
    by_phases = PhaseConv(rows, columns, (height, width), relu, window, enlargement)
    return phase_conv(by_phases, x, kernel, bias)


def _fast_upsample_conv(
    x: Array, kernel: Array, bias: Array, factor: int, method: str, relu: bool
) -> Array:
    if method != "nearest":
        enlargement = resampling((x.shape[1], x.shape[2]), factor, method)
        return _fast_conv(x, kernel, bias, relu=relu, enlargement=enlargement)
    size, form = _enlarged(x, factor), minimal_conv.UPSAMPLING
    if factor == 2 and minimal_conv.pays(form, kernel, size):
        return minimal_conv.minimal_conv(MinimalConv(form, size, relu), x, kernel, bias)
    axis_rows, row_sums = phases.upsampled_convolution(kernel.shape[0], factor)
    axis_columns, column_sums = phases.upsampled_convolution(kernel.shape[1], factor)
    # Kernel rows that fall on copies of one pixel are added up before the convolution.
    summed = jnp.einsum("ur,vs,rsco->uvco", row_sums, column_sums, kernel)
    by_phases = PhaseConv(axis_rows, axis_columns, size, relu)
    return phase_conv(by_phases, x, summed, bias)


def _per_channel(bias: Array) -> Array:
    return jnp.reshape(bias, (1, 1, 1, -1))


def _enlarged(x: Array, factor: int) -> tuple[int, int]:
    return x.shape[1] * factor, x.shape[2] * factor


def _relu_if(relu: bool, y: Array) -> Array:
    return jax.nn.relu(y) if relu else y
