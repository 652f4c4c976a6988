"""JAX calls of the CPU kernels for phase convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise.ops.interpolation import Interpolation, Resampling
from aedenoise.ops.native.build import FORWARD, WEIGHT_GRADIENT
from aedenoise.ops.native.folding import Axis0, foldable
from aedenoise.ops.phases import Axis

NO_GATE = np.zeros((0,), np.float32)
NO_BIAS = np.zeros((0,), np.float32)


def forward(
    x: Array,
    gate: Array | np.ndarray,
    weights: Array,
    bias: Array | np.ndarray,
    rows: Axis,
    columns: Axis,
    *,
    size: tuple[int, int],
    relu: bool = False,
    pool: bool = False,
    window: int = 1,
    resampling: Resampling | None = None,
    shrink: bool = False,
) -> tuple[Array, Array]:
    """Computes the phase convolution of ``x``.

    Args:
      x: float32 ``[B, H, W, C]``.
      gate: mask of ``x`` if that is a gradient: the output of the ReLU (float32, shape of ``x``),
        the winners of the max pooling (uint8, shape of ``x``; ``x`` is then unpooled to windows
        of side ``window`` first), or ``NO_GATE``.
      weights: float32 ``[U, V, C, O]``.
      bias: float32 ``[O]``, or ``NO_BIAS``.
      rows, columns: taps of each axis.
      size: height and width of the output, before pooling.
      relu: whether a ReLU follows.
      pool: whether ReLU and max pooling over windows of side ``window`` follow.
      resampling: interpolation of ``x`` before; None for none.
      shrink: whether its transpose is applied to the output instead.

    Returns:
      The output ``[B, Ho, Wo, O]``, and the winners of the pooling (uint8, like the output:
      the position in the window, row by row, or 255 where the ReLU gave zero) or an empty array.
    """
    pooled = window if pool else 1
    area = (size[0] // pooled, size[1] // pooled)
    attributes = _taps(rows, columns) | resampling_attributes(resampling)

    def call(x: Array, gate: Array, weights: Array, bias: Array) -> Sequence[Array]:
        shape = (x.shape[0], *area, weights.shape[-1])
        outputs = (
            jax.ShapeDtypeStruct(shape, jnp.float32),
            jax.ShapeDtypeStruct(shape if pool else (0,), jnp.uint8),
        )
        return jax.ffi.ffi_call(FORWARD, outputs)(
            x,
            gate,
            weights,
            bias,
            **attributes,
            relu=relu,
            window=np.int64(window),
            shrink=shrink,
        )

    axes = (Axis0.BATCH, Axis0.BATCH, Axis0.NETWORKS, Axis0.NETWORKS)
    y, winner = foldable(call, axes, shared=True)(
        x, jnp.asarray(gate), weights[None], jnp.asarray(bias)[None]
    )
    return y, winner


def weight_gradient(
    x: Array,
    gradient: Array,
    gate: Array | np.ndarray,
    rows: Axis,
    columns: Axis,
    *,
    window: int,
    resampling: Resampling | None = None,
) -> tuple[Array, Array]:
    """Computes the gradients of the weights ``[U, V, C, O]`` and of the bias ``[O]`` from the
    input ``x`` and the gradient of the output, with the gate of that gradient as in ``forward``."""
    channels, outputs = x.shape[-1], gradient.shape[-1]
    taps = (int(rows.starts[-1]), int(columns.starts[-1]))
    if outputs < channels and outputs < 8 and gate.size == 0:
        # The kernel vectorises over output channels, which are too few here. The transposed
        # convolution has the same weights, with input and output channels exchanged.
        rows_back, row_taps = rows.transpose()
        columns_back, column_taps = columns.transpose()
        turned, _ = _weight_gradient(
            gradient,
            x,
            gate,
            (*taps, outputs, channels),
            rows_back,
            columns_back,
            window,
            resampling,
            turned=True,
        )
        weights = jnp.swapaxes(turned, -1, -2)
        weights = weights[np.argsort(row_taps)][:, np.argsort(column_taps)]
        return weights, jnp.sum(gradient, (0, 1, 2))
    return _weight_gradient(
        x, gradient, gate, (*taps, channels, outputs), rows, columns, window, resampling
    )


def _weight_gradient(
    x: Array,
    gradient: Array,
    gate: Array | np.ndarray,
    shape: tuple[int, ...],
    rows: Axis,
    columns: Axis,
    window: int,
    resampling: Resampling | None,
    turned: bool = False,
) -> tuple[Array, Array]:
    attributes = _taps(rows, columns) | resampling_attributes(resampling)

    def call(x: Array, gradient: Array, gate: Array, like: Array) -> Sequence[Array]:
        networks = like.shape[0]
        outputs = (
            jax.ShapeDtypeStruct((networks, *shape), jnp.float32),
            jax.ShapeDtypeStruct((networks, shape[-1]), jnp.float32),
        )
        return jax.ffi.ffi_call(WEIGHT_GRADIENT, outputs)(
            x, gradient, gate, **attributes, turned=turned, window=np.int64(window)
        )

    # An empty array counts the networks, one of each that vmap maps over.
    axes = (Axis0.BATCH, Axis0.BATCH, Axis0.BATCH, Axis0.NETWORKS)
    weights, bias = foldable(call, axes, shared=False)(
        x, gradient, jnp.asarray(gate), jnp.zeros((1, 0))
    )
    return weights[0], bias[0]


def resampling_attributes(resampling: Resampling | None) -> dict[str, Any]:
    """Returns the attributes of a call that describe an interpolation, empty arrays for none."""
    none = Interpolation((), ())
    rows, columns = (resampling.rows, resampling.columns) if resampling else (none, none)
    return {
        "row_first": np.asarray(rows.firsts, np.int64),
        "row_weights": np.asarray(rows.weights, np.float32),
        "column_first": np.asarray(columns.firsts, np.int64),
        "column_weights": np.asarray(columns.weights, np.float32),
    }


def _taps(rows: Axis, columns: Axis) -> dict[str, Any]:
    return {
        f"{name}_{part}": value
        for name, axis in (("row", rows), ("column", columns))
        for part, value in (
            ("si", np.int64(axis.in_stride)),
            ("so", np.int64(axis.out_stride)),
            ("start", axis.starts),
            ("shift", axis.flat_shifts),
        )
    }
