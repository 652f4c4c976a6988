"""Kernels that a wheel carries: the choice for a processor, and what replaces one that fails."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from aedenoise.ops import native
from aedenoise.ops.native import build, compiler, packed
from aedenoise.runs import workload

KERNELS = native.load()
needs_kernels = pytest.mark.skipif(KERNELS.problem is not None, reason=str(KERNELS.problem))

SSE4 = "fpu sse sse2 ssse3 sse4_1 sse4_2 popcnt cx16 lahf_lm"
HASWELL = f"{SSE4} avx avx2 bmi1 bmi2 f16c fma abm movbe"
SKYLAKE_X = f"{HASWELL} avx512f avx512bw avx512cd avx512dq avx512vl"


@pytest.mark.parametrize(
    ("machine", "features", "names"),
    [
        ("x86_64", f"{SKYLAKE_X} avx512_vnni", ["x86-64-v4", "x86-64-v3"]),
        ("x86_64", HASWELL, ["x86-64-v3"]),
        # AVX-512 of the first processors that had it, which lacks instructions.
        ("x86_64", f"{HASWELL} avx512f avx512cd avx512er", ["x86-64-v3"]),
        ("x86_64", HASWELL.replace(" fma ", " fma4 "), []),
        ("x86_64", SSE4, []),
        ("x86_64", "", []),
        ("aarch64", "fp asimd crc32", ["armv8-a"]),
        ("riscv64", SKYLAKE_X, []),
    ],
)
def test_levels_that_a_processor_reaches(machine: str, features: str, names: list[str]) -> None:
    assert [level.name for level in packed.fitting_levels(machine, features)] == names


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a folder as in a wheel, on a machine of level 3; its libraries are empty."""
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(packed, "processor_features", lambda: HASWELL)
    for level in compiler.LEVELS:
        (tmp_path / level.file).touch()
    (tmp_path / compiler.DIGEST_FILE).write_text(compiler.sources_digest() + "\n")
    return tmp_path


def test_the_best_packed_library_that_fits_is_found(folder: Path) -> None:
    assert packed.find_packed(folder) == folder / "kernels-x86-64-v3.so"
    (folder / "kernels-x86-64-v3.so").unlink()
    assert packed.find_packed(folder) is None


def test_libraries_of_other_sources_are_not_used(folder: Path) -> None:
    (folder / compiler.DIGEST_FILE).write_text("0" * 64)
    assert packed.find_packed(folder) is None


def test_a_checkout_has_no_packed_library() -> None:
    assert packed.find_packed() is None


@pytest.fixture
def no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides every compiler."""
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("no_compiler")
@pytest.mark.parametrize(
    ("system", "remedy"),
    [("linux", "install g++"), ("darwin", "install clang"), ("win32", "use WSL")],
)
def test_without_both_one_line_names_fault_and_remedy(
    system: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_loaded", [])
    monkeypatch.setattr(sys, "platform", system)
    said: list[str] = []
    assert workload._lowering("auto", said.append) == "plain"
    assert said == [
        "using XLA's slower convolutions: no packed kernels fit this machine, no C++ compiler; "
        + remedy
    ]
    assert len(said[0]) < 100


def test_a_compiler_on_windows_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", sys.executable)
    assert compiler.find_compiler() == sys.executable
    monkeypatch.setattr(sys, "platform", "win32")
    assert compiler.find_compiler() is None


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes a packed library whose handlers tell XLA an API version that it does not support."""
    found = compiler.find_compiler()
    assert found is not None
    source, library = tmp_path / "silent.cc", tmp_path / "kernels-x86-64-v3.so"
    handlers = (
        f'extern "C" void* {name}(void*) {{ return nullptr; }}'
        for name in (packed.CHECK, *build.TARGETS)
    )
    source.write_text("\n".join(handlers))
    subprocess.run([found, "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    monkeypatch.setattr(build, "find_packed", lambda: library)
    return library


@needs_kernels
def test_where_xla_refuses_the_packed_library_compiled_kernels_are_used(refused: Path) -> None:
    with pytest.raises(packed.UnfitError, match=r"API version \(0\.0\) is incompatible"):
        packed.open_packed(refused)
    assert build._load(print).origin.startswith("compiled")


@needs_kernels
def test_where_xla_refuses_it_and_there_is_no_compiler(
    refused: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "find_compiler", lambda: None)
    assert str(build._load(print).problem).startswith("packed kernels fail on jaxlib ")


@needs_kernels
def test_a_packed_library_is_opened_while_jax_traces() -> None:
    library = build._kept(str(compiler.find_compiler()))

    def traced(x: jax.Array) -> jax.Array:
        assert packed.open_packed(library).aedenoise_phase_conv
        return x

    jax.jit(traced)(1.0)


@needs_kernels
def test_a_packed_library_that_computes_something_else_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = build._kept(str(compiler.find_compiler()))
    monkeypatch.setattr(packed, "_computes", lambda name: False)
    with pytest.raises(packed.UnfitError, match="wrong result"):
        packed.open_packed(library)


def test_a_damaged_packed_library_is_not_used(tmp_path: Path) -> None:
    damaged = tmp_path / "kernels-x86-64-v3.so"
    damaged.write_bytes(b"half a library")
    with pytest.raises(packed.UnfitError, match=r"file too short|invalid ELF"):
        packed.open_packed(damaged)
