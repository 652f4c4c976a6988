"""Compiles, keeps and loads the kernels."""

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
from pathlib import Path

import jax
import jaxlib

TARGETS = ("aedenoise_phase_conv", "aedenoise_phase_conv_weight_gradient")
_FOLDER = Path(__file__).parent
_SOURCES = ("forward.cc", "weight_gradient.cc")
# What names "the processor at hand" differs between compilers and processors.
_PROCESSOR_FLAGS = (("-march=native",), ("-mcpu=native",), ())


@functools.cache
def load(notify: Callable[[str], None] = lambda line: None) -> str | None:
    """Makes the kernels known to XLA, compiling them first if need be (about 10 s, ``notify``
    gets a line). Returns None, or why this machine cannot have them."""
    compiler = _compiler()
    if compiler is None:
        return "no C++ compiler (c++, g++, clang++ or $CXX) was found"
    try:
        library = _library(compiler, notify)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{compiler} could not compile them: {_last_line(error)}"
    for target in TARGETS:
        jax.ffi.register_ffi_target(
            target, jax.ffi.pycapsule(getattr(library, target)), platform="cpu"
        )
    return None


def _compiler() -> str | None:
    names = (os.environ.get("CXX"), "c++", "g++", "clang++")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def _library(compiler: str, notify: Callable[[str], None]) -> ctypes.CDLL:
    kept = cache_folder() / f"kernels-{_key(compiler)}.so"
    try:
        return ctypes.CDLL(str(kept))
    except OSError:  # not there, or not for this system
        pass
    notify("compiling the CPU kernels, once")
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / kept.name
        _compile(compiler, fresh)
        try:
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial = kept.with_suffix(f".{os.getpid()}")
            shutil.copy(fresh, partial)
            partial.replace(kept)
        except OSError as error:
            notify(f"the CPU kernels will be compiled again next time: {_last_line(error)}")
        return ctypes.CDLL(str(fresh))


def _compile(compiler: str, target: Path) -> None:
    fixed = ["-std=c++17", "-O3", "-shared", "-fPIC", "-w", f"-I{jax.ffi.include_dir()}"]
    sources = [str(_FOLDER / name) for name in _SOURCES]
    for flags in _PROCESSOR_FLAGS:
        command = [compiler, *fixed, *flags, *sources, "-o", str(target)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
            return
        except subprocess.CalledProcessError:
            if flags == _PROCESSOR_FLAGS[-1]:
                raise


def cache_folder() -> Path:
    """Where this package keeps what it can make again: ``$XDG_CACHE_HOME/aedenoise``, or
    ``~/.cache/aedenoise``."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "aedenoise"


def _key(compiler: str) -> str:
    """Differs wherever the compiled kernels would."""
    digest = hashlib.sha256()
    for source in sorted([*_FOLDER.glob("*.cc"), *_FOLDER.glob("*.h")]):
        digest.update(source.read_bytes())
    version = subprocess.run(
        [compiler, "--version"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    digest.update("\n".join([jaxlib.__version__, compiler, version, _processor()]).encode())
    return digest.hexdigest()[:16]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        abilities = next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        abilities = platform.processor()
    return f"{platform.machine()} {abilities}"


def _last_line(error: Exception) -> str:
    output = getattr(error, "stderr", None) or str(error)
    return str(output).strip().splitlines()[-1]
