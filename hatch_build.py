"""Build backend and hook: a wheel for Linux carries the CPU kernels, so that it needs no compiler.

The backend is Hatchling's, with JAX, whose headers the kernels include, as a requirement of wheels.
Editable installations do not wait for it: they compile on first use, for their own processor.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling import build as hatchling_build
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
NATIVE = "aedenoise/ops/native"
_MACHINE = sysconfig.get_platform().removeprefix("linux-")
# Every system of a manylinux tag has these (PEP 600), and jaxlib needs them, too.
_SHARED = re.compile(rb"lib(c|m|gcc_s|pthread|dl|rt)\.so\.\d+|ld-linux-[\w-]+\.so\.\d+")


def __getattr__(name: str) -> Any:
    """Takes all other hooks of the backend from Hatchling."""
    return getattr(hatchling_build, name)


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Adds JAX, as the package requires it, where the kernels can be compiled."""
    requires: list[str] = hatchling_build.get_requires_for_build_wheel(config_settings)
    if not _levels() or _compiler_module().find_compiler() is None:
        return requires
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*requires, *(name for name in project["dependencies"] if name.startswith("jax>"))]


class KernelsHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the kernels of all levels of this architecture into the wheel, and tags it so."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        libraries, problems = _compiled(folder)
        for problem in problems:
            self.app.display_warning(f"kernels not in this wheel: {problem}")
        if not libraries:
            return
        compiler = _compiler_module()
        digest = folder / compiler.DIGEST_FILE
        digest.write_text(compiler.sources_digest() + "\n")
        for file in (*libraries, digest):
            build_data["force_include"][str(file)] = f"{NATIVE}/{file.name}"
        build_data["pure_python"] = False
        # The kernels know nothing of Python, and any version can load them.
        build_data["tag"] = f"py3-none-{_platform_tag(libraries)}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            self._folder.cleanup()


def _compiled(folder: Path) -> tuple[list[Path], list[str]]:
    """Compiles every level into ``folder``; returns the libraries, and problems of the others."""
    module = _compiler_module()
    compiler = module.find_compiler()
    if not _levels():
        return [], [f"no processor levels are defined for {sysconfig.get_platform()}"]
    if compiler is None:
        return [], ["no C++ compiler (c++, g++, clang++ or $CXX) was found"]
    try:
        import jax
    except ImportError:
        return [], ["JAX, which has their headers, is not installed; build with isolation"]
    include = jax.ffi.include_dir()

    def compiled(level: Any) -> Path | str:
        try:
            library: Path = module.compile_level(compiler, include, level, folder)
            return library
        except (OSError, subprocess.SubprocessError) as error:
            output = getattr(error, "stderr", None) or str(error)
            return f"{compiler} cannot compile {level.name}: {output.strip().splitlines()[-1]}"

    with ThreadPoolExecutor() as pool:
        results = list(pool.map(compiled, _levels()))
    libraries = [result for result in results if isinstance(result, Path)]
    return libraries, [result for result in results if isinstance(result, str)]


def _levels() -> list[Any]:
    return [level for level in _compiler_module().LEVELS if level.machine == _MACHINE]


def _platform_tag(libraries: list[Path]) -> str:
    """Returns ``manylinux_2_X`` for the glibc 2.X that the libraries need, or ``linux``."""
    # Both are strings of the dynamic section. Any other such string makes the tag stricter only.
    content = b"".join(library.read_bytes() for library in libraries)
    versions = [int(minor) for minor in re.findall(rb"\0GLIBC_2\.(\d+)", content)]
    names = re.findall(rb"\0((?:lib|ld-)[\w+.-]*\.so[\d.]*)(?=\0)", content)
    if versions and all(_SHARED.fullmatch(name) for name in names):
        return f"manylinux_2_{max(versions)}_{_MACHINE}"
    return f"linux_{_MACHINE}"


def _compiler_module() -> ModuleType:
    """Loads ``compiler.py`` without the package, whose dependencies may be missing here."""
    name = "aedenoise_compiler"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / NATIVE / "compiler.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
