"""The rooms: who may import whom, and which library lives where."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from guards import GUARDS

PACKAGE = Path(__file__).resolve().parent.parent / "aedenoise"
FILES = sorted(PACKAGE.rglob("*.py"))

# Each room with the rooms it may import; the rooms of GROUND are what every room stands on.
GROUND = {"", "checks", "errors", "experiment", "files", "options", "batch", "versions"}
ROOMS = {
    "errors": set(),
    "files": set(),
    "batch": set(),
    "checks": {"errors"},
    "experiment": {"checks", "errors"},
    "options": {"checks", "errors"},
    "versions": {""},
    "named": {"errors", "experiment", "study"},
    "workdir": GROUND,
    "runtime": GROUND,
    "ops": GROUND,
    "noise": GROUND,
    "losses": GROUND | {"metrics"},
    "metrics": GROUND,
    "artifacts": GROUND | {"ops"},
    "models": GROUND | {"ops"},
    "data": GROUND,
    "training": GROUND | {"models", "noise", "losses", "metrics"},
    "evaluation": GROUND
    | {"artifacts", "saved", "models", "noise", "losses", "metrics", "training"},
    "reporting": GROUND,
    "saved": GROUND | {"training", "workdir"},
    "ground": GROUND | {"data", "metrics", "ops", "training"},
    "bench": GROUND | {"data", "evaluation", "ground", "noise", "training"},
    "records": GROUND | {"bench", "evaluation", "ground", "training"},
    "observer": GROUND | {"evaluation", "reporting", "training", "workdir"},
    "denoiser_run": GROUND
    | {
        "bench",
        "evaluation",
        "observer",
        "records",
        "reporting",
        "run_report",
        "training",
        "yardsticks",
    },
    "gan": GROUND
    | {
        "artifacts",
        "classify",
        "evaluation",
        "saved",
        "ground",
        "models",
        "observer",
        "records",
        "reporting",
        "training",
    },
    "classify": GROUND | {"data", "evaluation", "models", "training"},
    "probing": GROUND | {"data", "models", "noise", "training"},
    "pages": GROUND | {"reporting", "workdir"},
    "yardsticks": GROUND | {"bench", "data", "evaluation", "metrics", "noise", "training"},
    "run_report": GROUND
    | {"bench", "evaluation", "ground", "observer", "reporting", "training", "workdir"},
    "accelerators": GROUND,
    "study": GROUND
    | {
        "artifacts",
        "bench",
        "data",
        "evaluation",
        "metrics",
        "models",
        "noise",
        "reporting",
        "training",
    },
    "modes": GROUND
    | {
        "accelerators",
        "artifacts",
        "bench",
        "classify",
        "data",
        "denoiser_run",
        "evaluation",
        "gan",
        "ground",
        "metrics",
        "models",
        "noise",
        "observer",
        "ops",
        "pages",
        "probing",
        "records",
        "reporting",
        "run_report",
        "runtime",
        "study",
        "training",
        "workdir",
        "yardsticks",
    },
    "flags": GROUND | {"study"},
    "commands": GROUND
    | {
        "evaluation",
        "flags",
        "gan",
        "modes",
        "named",
        "pages",
        "reporting",
        "runtime",
        "study",
        "training",
        "workdir",
    },
    "main": GROUND | {"commands", "flags", "reporting", "training"},
}
# Libraries that live in one room, so that they can be replaced there.
HOMES = {
    "orbax": {"training/checkpoints.py"},
    "absl": {"commands/common.py", "flags/definitions.py", "main.py", "training/checkpoints.py"},
    "etils": {"training/places.py"},
    "tensorflow_datasets": {"data/builders.py", "data/sources.py"},
    "grain": {"data/streaming.py"},
    "PIL": {
        "data/glyphs/render.py",
        "data/images.py",
        "data/pictures.py",
        "data/user_files.py",
    },
    "fontTools": {"data/glyphs/fonts.py"},
    "matplotlib": {
        "reporting/change_figures.py",
        "reporting/figures.py",
        "reporting/probe_figures.py",
        "reporting/study_figures.py",
    },
    "tensorboardX": {"reporting/metrics_log.py"},
    "tqdm": {
        "reporting/console.py",
        "data/archive.py",
        "data/download.py",
        "data/glyphs/__main__.py",
        "data/user_files.py",
    },
    "scipy": {"evaluation/baselines.py", "probing/regression.py", "study/statistics.py"},
    "skimage": {"evaluation/baselines.py"},
    "sklearn": {"probing/plane.py"},
    "optax": {
        "probing/tuning.py",
        "training/adversarial.py",
        "training/adversary.py",
        "training/classification.py",
        "training/optimizer.py",
        "training/task.py",
        "training/updates.py",
    },
}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_rooms(path: Path) -> None:
    place = path.relative_to(PACKAGE)
    if place.name == "__init__.py" and len(place.parts) == 1:
        # Of `load` and `load_generator`, which import what they need when they are called.
        found = {room_of(name) for name in imports(path) if name.startswith("aedenoise")}
        assert found <= {"evaluation", "gan"}
        return
    room = place.parts[0].removesuffix(".py")
    names = imports(path)
    known = {
        room_of(name)
        for name in names
        if name.split(".")[0] == "aedenoise" and room_of(name) in ROOMS
    }
    assert known <= ROOMS[room] | {room}, f"{place} may not import {known - ROOMS[room]}"
    for library, homes in HOMES.items():
        if any(name.split(".")[0] == library for name in names):
            assert place.as_posix() in homes, f"{library} has no place in {place}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_nothing_dangerous_or_private(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for word in ("jax._src", "import pickle", "allow_pickle=True", "extractall", "eval("):
        assert word not in text.replace("_eval(", "").replace("def eval(", "")


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
