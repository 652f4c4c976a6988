"""Calls of the C++ compiler: for this machine, or for levels of processors in a wheel.

The build hook (``hatch_build.py``) loads this file by its path, where the package's dependencies
are not installed. It therefore uses the standard library only.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
# In a wheel: the digest of the sources that its libraries were compiled from.
DIGEST_FILE = "kernels.digest"
_FIXED = ("-std=c++17", "-O3", "-shared", "-fPIC", "-w")
# The flag for the local processor differs between architectures; the last attempt has none.
_PROCESSOR_FLAGS = (("-march=native",), ("-mcpu=native",), ())
# Exports the handlers only: a process may hold other copies of the C++ library.
_EXPORTED = "{ global: aedenoise_*; local: *; };"
# A packed library must run on other systems. The C++ library is part of it; sections that nothing
# uses are dropped, since some of them need the newest glibc. libgcc_s remains shared: jaxlib needs
# it too, and the static one would need a newer glibc.
_PORTABLE = ("-static-libstdc++", "-ffunction-sections", "-Wl,--gc-sections", "-s")


@dataclass(frozen=True)
class Level:
    """Processors that can share one library.

    Attributes:
      name: value of the compiler's ``-march``.
      machine: as in ``platform.machine()``.
      features: those that a processor must have, by their names in ``/proc/cpuinfo``.
    """

    name: str
    machine: str
    features: frozenset[str]

    @property
    def file(self) -> str:
        """Name of the library."""
        return f"kernels-{self.name}.so"


# As the x86-64 psABI defines them; ``abm`` stands for LZCNT.
_V2 = frozenset(["cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"])
_V3 = _V2 | frozenset(["abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"])
_V4 = _V3 | frozenset(["avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"])
# The most capable first.
LEVELS = (
    Level("x86-64-v4", "x86_64", _V4),
    Level("x86-64-v3", "x86_64", _V3),
    Level("armv8-a", "aarch64", frozenset({"asimd", "fp"})),
)


def find_compiler() -> str | None:
    """Returns the path of the C++ compiler; None if there is none, and on Windows."""
    if sys.platform == "win32":  # its compilers do not make libraries as they are made here
        return None
    names = (os.environ.get("CXX"), "c++", "g++", "clang++")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def sources_digest() -> str:
    """Returns a digest of all source files of the kernels."""
    digest = hashlib.sha256()
    for source in sorted([*FOLDER.glob("*.cc"), *FOLDER.glob("*.h")]):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def processor_features() -> str:
    """Returns what the processor says that it can do, separated by spaces."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        line = next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return platform.processor()
    return line.partition(":")[2].strip()


def compile_here(compiler: str, include: str, target: Path) -> None:
    """Compiles the library ``target`` for the processor of this machine.

    Raises:
      OSError: if the compiler cannot be started.
      subprocess.SubprocessError: if it fails.
    """
    for flags in _PROCESSOR_FLAGS:
        try:
            _compile(compiler, include, flags, target)
            return
        except subprocess.CalledProcessError:
            if flags == _PROCESSOR_FLAGS[-1]:
                raise


def compile_level(compiler: str, include: str, level: Level, folder: Path) -> Path:
    """Compiles the library of a level for any system, in ``folder``, and returns its path.

    Raises:
      OSError: if the compiler cannot be started.
      subprocess.SubprocessError: if it fails.
    """
    exported = folder / f"{level.name}.map"
    exported.write_text(_EXPORTED)
    flags = (f"-march={level.name}", *_PORTABLE, f"-Wl,--version-script={exported}")
    _compile(compiler, include, flags, folder / level.file)
    return folder / level.file


def _compile(compiler: str, include: str, flags: Sequence[str], target: Path) -> None:
    sources = sorted(str(source) for source in FOLDER.glob("*.cc"))
    subprocess.run(
        [compiler, *_FIXED, f"-I{include}", *flags, *sources, "-o", str(target)],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
        # Where the compiler's temporary files are found again if this is killed.
        env={**os.environ, "TMPDIR": str(target.parent)},
    )
