"""Measures the machine: matrix products and copies."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

from aedenoise.runtime.process import prepare_process
from experiments.speed import network

ROUNDS = 7


def measure(width: int) -> dict[str, float]:
    """Measures operations per second of a large float32 matrix product, bytes per second of a copy
    (read and written), and the images per second that both allow for each decoder: the floor of
    time is the larger of operations over the one and bytes over the other. Keys that end with
    ``savings`` count the products of minimal filtering algorithms."""
    prepare_process(lambda line: None)  # or the copy would be slowed by page faults
    size, elements = 1536, 2**26
    matrix = jnp.ones((size, size), jnp.float32)
    vector = jnp.ones((elements,), jnp.float32)
    product = 2 * size**3 / _seconds(jax.jit(jnp.matmul), matrix, matrix)
    copy = 8 * elements / _seconds(jax.jit(lambda x: x + 1.0), vector)
    found = {"operations_per_second": product, "bytes_per_second": copy}
    for decoder in network.DECODERS:
        moving = network.training_bytes(decoder, width) / copy
        for savings, suffix in ((False, ""), (True, "/savings")):
            training = network.training_operations(decoder, width, savings=savings) / product
            found[f"train/{decoder}{suffix}"] = 1.0 / max(training, moving)
            inference = network.inference_operations(decoder, width, savings=savings)
            found[f"infer/{decoder}{suffix}"] = product / inference
    return found


def _seconds(function: Callable[..., jax.Array], *arrays: jax.Array) -> float:
    jax.block_until_ready(function(*arrays))
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        jax.block_until_ready(function(*arrays))
        times.append(time.perf_counter() - start)
    return statistics.median(times)
