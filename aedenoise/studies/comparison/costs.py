"""Costs of a network: parameters, multiply-adds and measured latency."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.config import ModelConfig
from aedenoise.models import build_autoencoder

ImageShape = tuple[int, int, int]
_LATENCY_BATCH = 64


def parameters(config: ModelConfig, shape: ImageShape) -> dict[str, int]:
    """Counts the parameters of ``encoder`` and ``decoder`` for images ``[H, W, C]``."""
    model = build_autoencoder(config, shape[-1], lowering="plain", size=shape[:2])
    # Shapes suffice: nothing is computed or allocated.
    image = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    variables: Any = jax.eval_shape(model.init, jax.random.key(0), image)
    return {"encoder": 0, "decoder": 0} | {
        part: sum(int(leaf.size) for leaf in jax.tree.leaves(tree))
        for part, tree in variables["params"].items()
    }


def multiply_adds(config: ModelConfig, shape: ImageShape) -> int:
    """Counts the multiply-adds of all convolutions for one image of ``shape`` [H, W, C].

    The plain lowering is traced (resizing, then a convolution over all pixels), and taps on padding
    are excluded: half the operations that XLA's cost analysis reports for these convolutions.
    Resizing itself is not counted.
    """
    model = build_autoencoder(config, shape[-1], lowering="plain", size=shape[:2])
    image = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    level = jax.ShapeDtypeStruct((1,), jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), image, level)
    return count_multiply_adds(model.apply, variables, image, level)


def count_multiply_adds(function: Callable[..., Any], *arguments: Any) -> int:
    """Counts the multiply-adds of the convolutions in ``function(*arguments)`` by tracing it."""
    traced = jax.make_jaxpr(function)(*arguments)
    return sum(_of_convolution(equation) for equation in _convolutions(traced.jaxpr))


def latency_ratio(
    config: ModelConfig, reference: ModelConfig, shape: ImageShape, *, rounds: int = 15
) -> float:
    """Measures the latency of a network relative to ``reference`` for a batch of 64 images.

    Returns the median of ``rounds`` ratios. The networks alternate because the speed of a machine
    drifts.
    """
    calls = [_denoising(each, shape) for each in (config, reference)]
    # At least 20 ms per measurement, far above the resolution of the clock and of dispatch.
    repeats = max(1, round(0.02 / _seconds(calls[1], 1)))
    ratios = []
    for turn in range(rounds):
        # The order alternates, too: the first call of a round may find colder caches.
        order = (0, 1) if turn % 2 else (1, 0)
        seconds = {which: _seconds(calls[which], repeats) for which in order}
        ratios.append(seconds[0] / seconds[1])
    return float(np.median(ratios))


def _denoising(config: ModelConfig, shape: ImageShape) -> Callable[[], Any]:
    """Returns a compiled call that has run once, so that timing excludes compilation."""
    model = build_autoencoder(config, shape[-1], size=shape[:2])
    images = jnp.zeros((_LATENCY_BATCH, *shape))
    levels = jnp.zeros(len(images))
    variables = model.init(jax.random.key(0), images[:1], levels[:1])
    apply = jax.jit(model.apply)
    jax.block_until_ready(apply(variables, images, levels))
    return lambda: apply(variables, images, levels)


def _seconds(call: Callable[[], Any], repeats: int) -> float:
    begin = time.perf_counter()
    for _ in range(repeats):
        jax.block_until_ready(call())
    return (time.perf_counter() - begin) / repeats


def _convolutions(jaxpr: Any) -> Iterator[Any]:
    """Yields every convolution of a traced program, including nested calls."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "conv_general_dilated":
            yield equation
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", None)
            if inner is not None:
                yield from _convolutions(inner)


def _of_convolution(equation: Any) -> int:
    """Counts the multiply-adds of one convolution equation: taps that meet a value, per axis."""
    (x, kernel), (y,) = equation.invars, equation.outvars
    p = equation.params
    numbers = p["dimension_numbers"]
    count = y.aval.shape[numbers.out_spec[0]]  # examples
    count *= kernel.aval.shape[numbers.rhs_spec[0]] * kernel.aval.shape[numbers.rhs_spec[1]]
    for axis in range(len(p["window_strides"])):
        count *= _taps(
            size=x.aval.shape[numbers.lhs_spec[2 + axis]],
            kernel=kernel.aval.shape[numbers.rhs_spec[2 + axis]],
            outputs=y.aval.shape[numbers.out_spec[2 + axis]],
            stride=p["window_strides"][axis],
            low=p["padding"][axis][0],
            spread=p["lhs_dilation"][axis],
            dilation=p["rhs_dilation"][axis],
        )
    return int(count)


def _taps(
    *, size: int, kernel: int, outputs: int, stride: int, low: int, spread: int, dilation: int
) -> int:
    """Counts pairs of output and tap that meet a value, not padding or a dilation hole."""
    places = np.arange(outputs)[:, None] * stride + np.arange(kernel)[None, :] * dilation - low
    return int(np.sum((places >= 0) & (places % spread == 0) & (places // spread < size)))
