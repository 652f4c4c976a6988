"""Architecture: ten layers, imports downwards only, and one place for each library."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from guards import GUARDS

PACKAGE = ROOT / "aedenoise"
FILES = sorted(PACKAGE.rglob("*.py"))

# Floors from the top down: a module imports its own room, and rooms of lower floors.
FLOORS = (
    ("main",),
    ("cli",),
    ("studies", "__init__"),
    ("runs", "exports"),
    ("evaluation", "inference"),
    ("training",),
    ("models", "losses", "reporting"),
    ("ops", "data", "runtime"),
    ("config",),
    ("metrics", "errors", "files"),
)
FLOOR = {room: len(FLOORS) - place for place, rooms in enumerate(FLOORS) for room in rooms}
# The rooms in which a library lives, so that it can be replaced there.
HOMES = {
    "orbax": {"training"},
    "optax": {"training"},
    "absl": {"main", "cli", "training"},
    "etils": {"training"},
    "tensorflow_datasets": {"data"},
    "grain": {"data"},
    "PIL": {"data"},
    "tifffile": {"data"},
    "fontTools": {"data"},
    "matplotlib": {"reporting"},
    "onnx": {"exports"},
    "onnxruntime": {"exports"},
    "tensorboardX": {"reporting"},
    "tqdm": {"reporting", "data"},
    "skimage": {"evaluation"},
    "sklearn": {"studies"},
    "scipy": {"evaluation", "metrics", "studies"},
}


@functools.cache
def imports(path: Path) -> set[str]:
    """Lists the dotted names that a module imports, at its top or inside its functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path: Path) -> str:
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "main" if name == "__main__" else name


def upward_imports() -> list[str]:
    """Imports of another room on the same floor or above, as ``file: room``."""
    found = []
    for path in FILES:
        own = room(path)
        for name in imports(path):
            first, *rest = name.split(".")
            other = rest[0] if first == "aedenoise" and rest else ""
            if other in FLOOR and other != own and FLOOR[other] >= FLOOR[own]:
                found.append(f"{path.relative_to(PACKAGE)}: {other}")
    return sorted(set(found))


def test_imports_go_downwards(capsys: pytest.CaptureFixture[str]) -> None:
    rooms = {room(path) for path in FILES}
    loose = sorted(path.stem for path in PACKAGE.glob("*.py"))
    upward = upward_imports()
    with capsys.disabled():
        folders = sum(1 for name in rooms if (PACKAGE / name).is_dir())
        print(
            f"\nloose modules: {len(loose)} ({', '.join(loose)}), rooms: {folders}, "
            f"floors: {len(FLOORS)}, upward imports: {len(upward)}"
        )
    assert upward == []
    assert rooms == set(FLOOR)
    assert loose == ["__init__", "__main__", "errors", "files", "main"]


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_its_home(library: str) -> None:
    users = {
        room(path) for path in FILES for name in imports(path) if name.split(".")[0] == library
    }
    assert users <= HOMES[library]


def test_nothing_dangerous_or_private() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        for word in ("jax._src", "import pickle", "allow_pickle=True", "extractall", "eval("):
            assert word not in text.replace("_eval(", "").replace("def eval(", ""), path


@pytest.mark.parametrize("number", sorted(GUARDS))
def test_guards_are_where_they_are_said_to_be(number: int) -> None:
    guard = GUARDS[number]
    assert (PACKAGE / guard.file).read_text(encoding="utf-8").count(guard.old) == 1


def test_training_works_where_tfds_is_not_installed() -> None:
    code = (
        "import sys; sys.modules['tensorflow_datasets'] = None\n"
        "import aedenoise.training.loop, aedenoise.evaluation, aedenoise.data.batches"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
