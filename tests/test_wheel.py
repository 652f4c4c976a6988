"""Wheels: the kernels in them, their tag, and an installation on a machine without a compiler."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from aedenoise.ops.native.build import TARGETS
from aedenoise.ops.native.compiler import find_compiler
from aedenoise.ops.native.packed import CHECK

pytest.importorskip("hatchling")
hatch_build = pytest.importorskip("hatch_build")
needs_compiler = pytest.mark.skipif(
    find_compiler() is None or not hatch_build._levels(), reason="this machine packs no kernels"
)

# Forward passes and all gradients of two layers, in a file; the kernels' folder and their origin.
_COMPUTE = """
import sys
from functools import partial
import jax, jax.numpy as jnp, numpy as np
from aedenoise import ops
from aedenoise.ops import native

random = np.random.default_rng(0)
shapes = (9, 8, 8, 3), (3, 3, 3, 20), (20,)
arrays = [random.normal(size=shape).astype(np.float32) for shape in shapes]
found = []
for layer in (partial(ops.conv_pool_relu, window=2), partial(ops.conv_transpose, stride=2)):
    def loss(x, kernel, bias):
        y = layer(x, kernel, bias, lowering="auto")
        return jnp.sum(y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)), y
    (_, y), gradients = jax.jit(jax.value_and_grad(loss, (0, 1, 2), has_aux=True))(*arrays)
    found += [y, *gradients]
np.savez(sys.argv[1], *found)
print(native.__file__)
print(native.load().origin)
"""


def without_compilers(folder: Path) -> dict[str, str]:
    """Returns the variables of a process that finds neither a compiler nor compiled kernels."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CXX", "PYTHONPATH")}
    return {**kept, "PATH": str(folder / "nothing"), "XDG_CACHE_HOME": str(folder / "cache")}


def run(*command: str | Path, environment: Mapping[str, str] = os.environ) -> str:
    """Runs a command in ``/`` and returns what it printed."""
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def build(folder: Path, environment: Mapping[str, str] = os.environ) -> tuple[Path, str]:
    """Builds the wheel of this checkout in ``folder``; returns it, and what pip printed."""
    pip = [sys.executable, "-m", "pip", "wheel", "--verbose", "--no-deps", "--no-build-isolation"]
    said = run(*pip, f"--wheel-dir={folder}", ROOT, environment=environment)
    (wheel,) = folder.glob("*.whl")
    return wheel, said


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds a wheel with kernels."""
    return build(tmp_path_factory.mktemp("wheel"))[0]


@pytest.fixture(scope="module")
def libraries(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Unpacks the kernels of the wheel."""
    folder = tmp_path_factory.mktemp("libraries")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".so")]
        return [Path(archive.extract(name, folder)) for name in names]


@needs_compiler
@pytest.mark.slow
def test_a_library_for_every_level_exports_the_handlers_only(libraries: list[Path]) -> None:
    assert {path.name for path in libraries} == {level.file for level in hatch_build._levels()}
    if shutil.which("nm") is None:
        pytest.skip("nm is not installed")
    for path in libraries:
        lines = run("nm", "--dynamic", "--defined-only", path).splitlines()
        assert {line.split()[-1] for line in lines} == {CHECK, *TARGETS}


@needs_compiler
@pytest.mark.slow
def test_the_tag_tells_what_the_libraries_need(wheel: Path, libraries: list[Path]) -> None:
    interpreter, abi, system = wheel.stem.split("-")[2:]
    assert (interpreter, abi) == ("py3", "none")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/WHEEL"))
        facts = archive.read(name).decode()
    assert f"Root-Is-Purelib: false\nTag: py3-none-{system}\n" in facts
    if shutil.which("readelf") is None:
        pytest.skip("readelf is not installed")
    read = "".join(run("readelf", "--wide", "-d", "-V", path) for path in libraries)
    minor = max(int(found) for found in re.findall(r"Name: GLIBC_2\.(\d+)", read))
    assert system == f"manylinux_2_{minor}_{hatch_build._MACHINE}"
    shared = set(re.findall(r"Shared library: \[(.*?)\.so", read))
    assert shared <= {"libc", "libm", "libgcc_s", "ld-linux-x86-64", "ld-linux-aarch64"}


@needs_compiler
@pytest.mark.slow
def test_a_machine_without_a_compiler_computes_the_same(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", venv)
    pip = [sys.executable, "-m", "pip", "--python", venv / "bin" / "python", "install"]
    run(*pip, "--no-deps", "--no-index", wheel)
    # The package's dependencies are in the environment of the tests.
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "tests.pth").write_text("\n".join(x for x in sys.path if x.endswith("-packages")))

    packed, compiled = tmp_path / "packed.npz", tmp_path / "compiled.npz"
    environment = without_compilers(tmp_path)
    said = run(venv / "bin" / "python", "-c", _COMPUTE, packed, environment=environment)
    assert said.startswith(f"{site}/aedenoise/ops/native/__init__.py\npacked, kernels-")
    assert not list((tmp_path / "cache").rglob("*.so"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = run(sys.executable, "-c", _COMPUTE, compiled, environment=environment)
    assert said.startswith(f"{ROOT}/aedenoise/ops/native/__init__.py\ncompiled")
    with np.load(packed) as ours, np.load(compiled) as theirs:
        assert len(ours) == 8
        for name, expected in theirs.items():
            np.testing.assert_allclose(ours[name], expected, rtol=1e-6, atol=1e-5)


@pytest.mark.slow
def test_a_wheel_built_without_a_compiler_fits_every_system(tmp_path: Path) -> None:
    wheel, said = build(tmp_path / "wheel", without_compilers(tmp_path))
    assert wheel.name.endswith("-py3-none-any.whl")
    assert "kernels not in this wheel: no C++ compiler" in said
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if "/kernels" in name]


def test_only_wheels_require_jax(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(hatch_build, "_levels", lambda: [object()])
    monkeypatch.setenv("CXX", sys.executable)
    (jax,) = hatch_build.get_requires_for_build_wheel()
    assert jax.startswith("jax>=")
    assert not [name for name in hatch_build.get_requires_for_build_editable() if "jax" in name]
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hatch_build.get_requires_for_build_wheel() == []


@pytest.mark.parametrize(
    ("strings", "tag"),
    [
        ("GLIBC_2.2.5 GLIBC_2.34 GLIBC_2.14 libc.so.6 libgcc_s.so.1", "manylinux_2_34"),
        ("GLIBC_2.17 libc.so.6 ld-linux-x86-64.so.2", "manylinux_2_17"),
        ("GLIBC_2.34 libc.so.6 libstdc++.so.6", "linux"),
        ("GLIBC_2.34 libc.so.6 libc++.so.1", "linux"),
        ("libc.musl-x86_64.so.1", "linux"),
    ],
)
def test_tags(strings: str, tag: str, tmp_path: Path) -> None:
    library = tmp_path / "library.so"
    library.write_bytes(b"\0".join([b"\x7fELF", *strings.encode().split(), b"end"]))
    assert hatch_build._platform_tag([library]) == f"{tag}_{hatch_build._MACHINE}"
