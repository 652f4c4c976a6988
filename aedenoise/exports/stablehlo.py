"""StableHLO files: a network as JAX's own portable program, for CPU, GPU and TPU."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path

import jax
import jax.export
import numpy as np

from aedenoise.config.validation import local_path
from aedenoise.errors import CheckpointError
from aedenoise.exports.forward import forward, symbolic_inputs
from aedenoise.exports.network import Network

# All in one file; the program has no calls of this package's own kernels.
PLATFORMS = ("cpu", "cuda", "tpu")
_LOWERING = "plain"


def encode(network: Network) -> bytes:
    """Returns the file of a network."""
    source = network.source
    exported = jax.export.export(jax.jit(forward(source, _LOWERING)), platforms=PLATFORMS)(
        *symbolic_inputs(source)
    )
    return bytes(exported.serialize())


def load(content: bytes) -> Callable[..., np.ndarray]:
    """Returns the function of a file's content, compiled once for each shape.

    Raises:
      ValueError: if the content is no such file, or this version of JAX is too old or too new.
    """
    program = jax.jit(jax.export.deserialize(bytearray(content)).call)
    return lambda *arrays: np.asarray(program(*arrays))


def load_file(path: str | PathLike[str]) -> Callable[..., np.ndarray]:
    """Returns the function of a file: ``(noisy[, level]) -> denoised`` or ``(latent) -> image``.

    Raises:
      CheckpointError: if the file cannot be read.
    """
    place: Path = local_path("path", path)
    try:
        return load(place.read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {place}: {error}; export it again") from error
