"""Choice and check of the CPU kernels that a wheel carries, compiled for levels of processors."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

import jax
import numpy as np

from aedenoise.ops.native.compiler import (
    DIGEST_FILE,
    FOLDER,
    LEVELS,
    Level,
    processor_features,
    sources_digest,
)

# A convolution of one pixel with one tap.
_ONE_TAP = {
    f"{axis}_{name}": value
    for axis in ("row", "column")
    for name, value in (
        ("si", np.int64(1)),
        ("so", np.int64(1)),
        ("start", np.array([0, 1])),
        ("shift", np.array([0])),
    )
}


class UnfitError(Exception):
    """A packed library that this process cannot use."""


def find_packed(folder: Path = FOLDER) -> Path | None:
    """Returns the packed library in ``folder`` for this processor.

    None if there is none, as in a checkout, or if the sources were changed since.
    """
    try:
        if (folder / DIGEST_FILE).read_text().strip() != sources_digest():
            return None
    except OSError:
        return None
    fitting = fitting_levels(platform.machine(), processor_features())
    files = (folder / level.file for level in fitting)
    return next((file for file in files if file.exists()), None)


def fitting_levels(machine: str, features: str) -> list[Level]:
    """Lists the levels that a processor reaches, the most capable first."""
    found = frozenset(features.split())
    return [level for level in LEVELS if level.machine == machine and level.features <= found]


def open_packed(path: Path, target: str) -> ctypes.CDLL:
    """Opens a packed library and checks one call of its handler ``target``, for about 30 ms.

    Raises:
      UnfitError: if this system or this version of jaxlib cannot use the library.
    """
    try:
        library = ctypes.CDLL(str(path))
        # Where no backend runs yet, XLA would refuse the handler later, and the backend with it.
        device = jax.local_devices(backend="cpu")[0]
        # Under another name: XLA never forgets one, and compiled kernels may need it.
        name = f"{target}_packed"
        jax.ffi.register_ffi_target(
            name, jax.ffi.pycapsule(getattr(library, target)), platform="cpu"
        )
        with jax.default_device(device):
            found = _call(name)
    except (OSError, AttributeError, RuntimeError) as error:
        raise UnfitError(str(error)) from error
    if found != 7.0:
        raise UnfitError(f"{path.name} computes {found} where 7.0 is right")
    return library


def _call(name: str) -> float:
    """Computes 3 * 2 + 1 by a convolution, also where JAX is tracing another function."""
    pixel = np.full((1, 1, 1, 1), 3.0, np.float32)
    call = jax.ffi.ffi_call(
        name, (jax.ShapeDtypeStruct((1, 1, 1, 1), np.float32), jax.ShapeDtypeStruct((0,), np.uint8))
    )
    with jax.ensure_compile_time_eval():
        y, _ = call(
            pixel,
            np.zeros((0,), np.float32),
            np.full((1, 1, 1, 1, 1), 2.0, np.float32),
            np.full((1, 1), 1.0, np.float32),
            **_ONE_TAP,
            relu=False,
            window=np.int64(1),
        )
        return float(jax.device_get(y).item())
