"""Loading of the CPU kernels: packed in a wheel, from the cache, or compiled now."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import jax

from aedenoise.files import cache_folder, locked_folder
from aedenoise.ops.native.compiler import (
    compile_here,
    find_compiler,
    processor_features,
    sources_digest,
)
from aedenoise.ops.native.packed import UnfitError, find_packed, open_packed

Notify = Callable[[str], None]
_COMPILING = "compiling the CPU kernels for this machine, once"

FORWARD = "aedenoise_phase_conv"
WEIGHT_GRADIENT = "aedenoise_phase_conv_weight_gradient"
MINIMAL_FORWARD = "aedenoise_minimal_conv"
MINIMAL_BACKWARD = "aedenoise_minimal_conv_backward"
TAILED_FORWARD = "aedenoise_tailed_conv"
TAILED_BACKWARD = "aedenoise_tailed_conv_backward"
TARGETS = (
    FORWARD,
    WEIGHT_GRADIENT,
    MINIMAL_FORWARD,
    MINIMAL_BACKWARD,
    TAILED_FORWARD,
    TAILED_BACKWARD,
)
# Where no compiler is found; elsewhere g++ is a package of the system.
_REMEDIES = {"darwin": "install clang", "win32": "use WSL"}


@dataclass(frozen=True)
class Kernels:
    """Availability of the kernels in this process.

    Attributes:
      problem: reason why they are unavailable, with a remedy; None if they are available.
      notice: warning for the user, if there is one.
      origin: where they are from.
    """

    problem: str | None = None
    notice: str | None = None
    origin: str = ""


_loaded: list[Kernels] = []


def load(notify: Notify = lambda line: None) -> Kernels:
    """Registers the kernels with XLA, once in a process. The CPU must be JAX's default backend.

    A wheel carries them for common processors. Otherwise they are compiled first, about 20 s, if
    the cache folder does not hold them: by one process of several that start together, for which
    the others wait. ``notify`` receives a line before.
    """
    if not _loaded:
        _loaded.append(_load(notify))
    return _loaded[0]


def _load(notify: Notify) -> Kernels:
    packed = find_packed()
    why = "no packed kernels fit this machine"
    if packed is not None:
        try:
            _register(open_packed(packed))
            return Kernels(origin=f"packed, {packed.name}")
        except UnfitError:
            why = f"packed kernels fail on jaxlib {metadata.version('jaxlib')}"
    compiler = find_compiler()
    if compiler is None:
        remedy = _REMEDIES.get(sys.platform, "install g++")
        return Kernels(problem=f"{why}, no C++ compiler; {remedy}")
    try:
        library, notice = _library(compiler, notify)
    except (OSError, subprocess.SubprocessError) as error:
        return Kernels(problem=f"{compiler} could not compile them: {_last_line(error)}")
    _register(library)
    return Kernels(notice=notice, origin=f"compiled for this CPU, in {cache_folder()}")


def _register(library: ctypes.CDLL) -> None:
    for target in TARGETS:
        jax.ffi.register_ffi_target(
            target, jax.ffi.pycapsule(getattr(library, target)), platform="cpu"
        )


def needs_compiling() -> bool:
    """Returns True if ``load`` would compile the kernels first."""
    compiler = find_compiler()
    return find_packed() is None and compiler is not None and not _kept(compiler).exists()


def _library(compiler: str, notify: Notify) -> tuple[ctypes.CDLL, str | None]:
    """Loads the cached library, or a fresh one, with a notice if it could not be cached."""
    kept = _kept(compiler)
    with suppress(OSError):  # not there, or not for this system
        return ctypes.CDLL(str(kept)), None
    try:
        _compile_kept(compiler, kept, notify)
        return ctypes.CDLL(str(kept)), None
    except OSError as error:
        reason = error.strerror or error
    notify(_COMPILING)
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / kept.name
        compile_here(compiler, jax.ffi.include_dir(), fresh)
        return ctypes.CDLL(str(fresh)), (
            f"{kept.parent} cannot be written ({reason}): "
            "the CPU kernels will be compiled again next time; set XDG_CACHE_HOME"
        )


def _compile_kept(compiler: str, kept: Path, notify: Notify) -> None:
    """Compiles the library ``kept`` in the cache, unless another process does so first.

    Raises:
      OSError: if it cannot be written.
      subprocess.SubprocessError: if it cannot be compiled.
    """
    with locked_folder(kept.with_suffix("")) as folder:
        try:
            ctypes.CDLL(str(kept))
        except OSError:
            notify(_COMPILING)
            fresh = folder / kept.name
            compile_here(compiler, jax.ffi.include_dir(), fresh)
            # Renamed: processes that start together must never load half a file.
            fresh.replace(kept)


@functools.cache
def _kept(compiler: str) -> Path:
    """Returns the path of the cached library; its name is a digest of all that determines it."""
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    # A cache folder may be shared by machines; code for one processor can crash on another.
    processor = f"{platform.machine()} {processor_features()}"
    parts = (sources_digest(), metadata.version("jaxlib"), compiler, version, processor)
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return cache_folder() / f"kernels-{digest[:16]}.so"


def _last_line(error: Exception) -> str:
    output = getattr(error, "stderr", None) or str(error)
    return str(output).strip().splitlines()[-1]
