"""Compilation, caching and loading of the CPU kernels."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import jax

from aedenoise.files import cache_folder, locked_folder

Notify = Callable[[str], None]
_COMPILING = "compiling the CPU kernels for this machine, once"

FORWARD = "aedenoise_phase_conv"
WEIGHT_GRADIENT = "aedenoise_phase_conv_weight_gradient"
MINIMAL_FORWARD = "aedenoise_minimal_conv"
MINIMAL_BACKWARD = "aedenoise_minimal_conv_backward"
TARGETS = (FORWARD, WEIGHT_GRADIENT, MINIMAL_FORWARD, MINIMAL_BACKWARD)
_FOLDER = Path(__file__).parent
_SOURCES = ("forward.cc", "weight_gradient.cc", "minimal_forward.cc", "minimal_backward.cc")
# The flag for the local processor differs between architectures; the last attempt has none.
_PROCESSOR_FLAGS = (("-march=native",), ("-mcpu=native",), ())


@dataclass(frozen=True)
class Kernels:
    """Availability of the kernels in this process.

    Attributes:
      problem: reason why they are unavailable; None if they are available.
      notice: warning for the user, if there is one.
    """

    problem: str | None = None
    notice: str | None = None


_loaded: list[Kernels] = []


def load(notify: Notify = lambda line: None) -> Kernels:
    """Registers the kernels with XLA, once in a process.

    They are compiled first, about 20 s, if the cache folder does not hold them: by one process of
    several that start together, for which the others wait. ``notify`` receives a line before.
    """
    if not _loaded:
        _loaded.append(_load(notify))
    return _loaded[0]


def _load(notify: Notify) -> Kernels:
    compiler = _compiler()
    if compiler is None:
        return Kernels(problem="no C++ compiler (c++, g++, clang++ or $CXX) was found")
    try:
        library, notice = _library(compiler, notify)
    except (OSError, subprocess.SubprocessError) as error:
        return Kernels(problem=f"{compiler} could not compile them: {_last_line(error)}")
    for target in TARGETS:
        jax.ffi.register_ffi_target(
            target, jax.ffi.pycapsule(getattr(library, target)), platform="cpu"
        )
    return Kernels(notice=notice)


def needs_compiling() -> bool:
    """Returns True if ``load`` would compile the kernels first."""
    compiler = _compiler()
    return compiler is not None and not _kept(compiler).exists()


def _compiler() -> str | None:
    names = (os.environ.get("CXX"), "c++", "g++", "clang++")
    return next((found for name in names if name and (found := shutil.which(name))), None)


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
        _compile(compiler, fresh)
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
            _compile(compiler, fresh)
            # Renamed: processes that start together must never load half a file.
            fresh.replace(kept)


def _compile(compiler: str, target: Path) -> None:
    fixed = ["-std=c++17", "-O3", "-shared", "-fPIC", "-w", f"-I{jax.ffi.include_dir()}"]
    sources = [str(_FOLDER / name) for name in _SOURCES]
    for flags in _PROCESSOR_FLAGS:
        command = [compiler, *fixed, *flags, *sources, "-o", str(target)]
        try:
            subprocess.run(
                command,
                check=True,
                capture_output=True,
                text=True,
                timeout=300,
                # Where the compiler's temporary files are found again if this is killed.
                env={**os.environ, "TMPDIR": str(target.parent)},
            )
            return
        except subprocess.CalledProcessError:
            if flags == _PROCESSOR_FLAGS[-1]:
                raise


@functools.cache
def _kept(compiler: str) -> Path:
    """Returns the path of the cached library; its name is a digest of all that determines it."""
    digest = hashlib.sha256()
    for source in sorted([*_FOLDER.glob("*.cc"), *_FOLDER.glob("*.h")]):
        digest.update(source.read_bytes())
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    digest.update("\n".join([metadata.version("jaxlib"), compiler, version, _processor()]).encode())
    return cache_folder() / f"kernels-{digest.hexdigest()[:16]}.so"


def _processor() -> str:
    # A cache folder may be shared by machines; code for one processor can crash on another.
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        abilities = next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        abilities = platform.processor()
    return f"{platform.machine()} {abilities}"


def _last_line(error: Exception) -> str:
    output = getattr(error, "stderr", None) or str(error)
    return str(output).strip().splitlines()[-1]
