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

# Handler in check.cc.
CHECK = "aedenoise_check"


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


def open_packed(path: Path) -> ctypes.CDLL:
    """Opens a packed library after a trial call, which takes about 30 ms.

    Raises:
      UnfitError: if this system or this version of jaxlib cannot use the library.
    """
    try:
        library = ctypes.CDLL(str(path))
        # Where no backend runs yet, XLA would refuse the handler later, and the backend with it.
        device = jax.local_devices(backend="cpu")[0]
        # XLA never forgets a name, and another library may be tried.
        name = f"{CHECK}_{path}"
        jax.ffi.register_ffi_target(
            name, jax.ffi.pycapsule(getattr(library, CHECK)), platform="cpu"
        )
        with jax.default_device(device):
            correct = _computes(name)
    except (OSError, AttributeError, RuntimeError) as error:
        raise UnfitError(str(error)) from error
    if not correct:
        raise UnfitError(f"{path.name} computes a wrong result")
    return library


def _computes(name: str) -> bool:
    """Returns True if the call is right; also where JAX is tracing another function."""
    x, weights = np.arange(8, dtype=np.float32), np.linspace(-1, 1, 8, dtype=np.float32)
    call = jax.ffi.ffi_call(name, jax.ShapeDtypeStruct(x.shape, x.dtype))
    with jax.ensure_compile_time_eval():
        y = jax.device_get(call(x, weights=weights, added=np.int64(3)))
    return np.allclose(y, x * weights + 3, rtol=1e-6)
