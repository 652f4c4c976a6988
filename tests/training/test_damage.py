"""Checkpoints with changed bytes, on full disks, of other models and of earlier versions."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT
from helpers import digest, saved_state, state_and_like
from processes import finish, start, start_until_saved, steps_saved, stop, wait_until

from aedenoise.config.options import RunOptions
from aedenoise.errors import CheckpointError, StorageError, as_expected
from aedenoise.runs.denoising import make_denoising_workload
from aedenoise.training.checkpoints import Checkpoints
from aedenoise.training.workdir import Workdir

Reached = Callable[[str], None]
OLD = ROOT / "tests" / "fixtures"


def damaged(content: bytes, flips: int, chance: random.Random):
    """Yields ``content`` with single flipped bits, truncated to half, empty, and missing."""
    for _ in range(flips if content else 0):
        changed = bytearray(content)
        changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        yield bytes(changed)
    yield content[: len(content) // 2]
    yield b""
    yield None


@pytest.mark.scorecard(6)
@pytest.mark.slow
def test_no_changed_byte_is_restored(tmp_path: Path, soak: bool, reached: Reached) -> None:
    folder = tmp_path / "checkpoints"
    state, like = state_and_like()
    older = jax.tree.map(lambda x: x + 1 if x.dtype == jnp.float32 else x, state)
    with Checkpoints(folder) as checkpoints:
        checkpoints.save(1, older, {"clock": 1.5, "note": "older"})
        checkpoints.save(2, state, {"clock": 2.5, "note": "newer"})
    expected = {1: (digest(older), {"clock": 1.5, "note": "older"})}
    expected[2] = (digest(state), {"clock": 2.5, "note": "newer"})
    chance = random.Random(6)
    cases, passed_over = 0, 0
    for file in sorted(path for path in (folder / "2").rglob("*") if path.is_file()):
        content = file.read_bytes()
        for bad in damaged(content, 10 if soak else 3, chance):
            file.unlink()
            if bad is not None:
                file.write_bytes(bad)
            lines: list[str] = []
            with Checkpoints(folder, read_only=True, notify=lines.append) as checkpoints:
                found = checkpoints.restore(like)
            assert (digest(found.state), found.record) == expected[found.step], file
            assert len(lines) == (found.step == 1)
            cases, passed_over = cases + 1, passed_over + (found.step == 1)
            file.write_bytes(content)
    reached(f"0 silent of {cases}; {passed_over} passed over, {cases - passed_over} harmless")
    assert passed_over > cases / 4


def test_a_damaged_checkpoint_is_moved_aside_and_its_step_saved_again(tmp_path: Path) -> None:
    state, like = state_and_like()
    folder, lines = tmp_path / "checkpoints", []
    with Checkpoints(folder) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(step, state, {})
    for step in (3,):
        (folder / str(step) / "digest" / "metadata").write_text("{}")
    with Checkpoints(folder, notify=lines.append) as checkpoints:
        assert checkpoints.restore(like).step == 2
        assert checkpoints.steps() == [2]
        checkpoints.save(3, state, {})
        assert checkpoints.restore(like).step == 3
    assert (tmp_path / "checkpoints-damaged" / "3").is_dir()
    (line,) = lines
    assert "checkpoint 3 in" in line
    assert "using the checkpoint of step 2" in line


@pytest.mark.slow
def test_where_all_are_damaged_nothing_is_moved(tmp_path: Path) -> None:
    state, like = state_and_like()
    with Checkpoints(tmp_path / "c") as checkpoints:
        for step in (1, 2):
            checkpoints.save(step, state, {})
            (tmp_path / "c" / str(step) / "digest" / "metadata").write_text("{}")
        with pytest.raises(CheckpointError, match="no other is usable; train again"):
            checkpoints.restore(like)
        assert checkpoints.steps() == [1, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="reading /proc/self/mem at 0 fails with EIO")
@pytest.mark.parametrize("file", ["digest/metadata", "state/_METADATA"])
@pytest.mark.slow
def test_a_disk_that_does_not_answer_is_no_damage(tmp_path: Path, file: str) -> None:
    state, like = state_and_like()
    folder = tmp_path / "checkpoints"
    with Checkpoints(folder) as checkpoints:
        for step in (1, 2):
            checkpoints.save(step, state, {})
    kept = (folder / "2" / file).rename(tmp_path / "kept")
    (folder / "2" / file).symlink_to("/proc/self/mem")
    with Checkpoints(folder) as checkpoints, pytest.raises(OSError, match="output error") as caught:
        checkpoints.restore(like)
    assert "cannot read or write" in str(as_expected(caught.value))
    kept.replace(folder / "2" / file)
    with Checkpoints(folder) as checkpoints:
        assert checkpoints.restore(like).step == 2


@pytest.mark.parametrize(
    ("said", "passing"),
    [
        ("UNAVAILABLE: CURL error", True),
        ("Error opening file: OS error 116", True),
        ("Error opening file: OS error 2", False),
        ("DATA_LOSS: CRC-32C checksum verification failed", False),
    ],
)
def test_what_tensorstore_says_of_a_place_that_does_not_answer(said: str, passing: bool) -> None:
    assert isinstance(as_expected(ValueError(said)), StorageError) is passing


@pytest.mark.slow
def test_the_best_is_kept_beside_the_newest_over_sessions(tmp_path: Path) -> None:
    state, like = state_and_like()
    for step in range(1, 7):
        with Checkpoints(tmp_path) as checkpoints:
            best = 2 if step >= 2 else 1
            checkpoints.best = best
            checkpoints.save(step, state, {"best": {"step": best, "psnr": 1.0}})
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        assert checkpoints.steps() == [2, 5, 6]
        assert checkpoints.choose("best") == 2
        assert checkpoints.choose("newest") is None
        assert checkpoints.restore(like, 2).step == 2


@pytest.mark.scorecard(7)
@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_full_disk_costs_nothing_but_time(
    data_dir: str, tmp_path: Path, soak: bool, reached: Reached
) -> None:
    whole = tmp_path / "whole"
    assert finish(start(whole, data_dir))[0] == 0
    first = start_until_saved(tmp_path / "first", data_dir)
    stop(first)
    assert finish(first)[0] == 0
    levels = (1, 3, 6, 9, 20) if soak else (3, 9)
    for kilobytes in levels:
        workdir = tmp_path / str(kilobytes)
        shutil.copytree(tmp_path / "first", workdir)
        before = digest(saved_state(workdir, data_dir))
        process = start(workdir, data_dir, file_bytes=kilobytes * 1024)
        code, _, err = finish(process)
        assert code == 5, err
        assert len(err.strip().splitlines()) == 1, err
        assert not (workdir / "results.json").exists()
        saved_state(workdir, data_dir)  # whatever is listed as a checkpoint is whole
        if steps_saved(workdir) == steps_saved(tmp_path / "first"):
            assert digest(saved_state(workdir, data_dir)) == before
        # It goes on with what the full disk left of its compiled programs.
        programs = {"JAX_COMPILATION_CACHE_DIR": f"{workdir}-programs"}
        code, _, err = finish(start(workdir, data_dir, variables=programs))
        assert (code, err) == (0, "")
        assert digest(saved_state(workdir, data_dir)) == digest(saved_state(whole, data_dir))
    reached(f"{len(levels)}/{len(levels)} sizes of file")


@pytest.mark.slow
def test_programs_that_are_not_whole_are_compiled_again(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }

    def computed() -> str:
        done = subprocess.run(
            [sys.executable, "-c", COMPUTE], env=environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    found = computed()
    whole = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert len(whole) > 3
    for number, file in enumerate(sorted(tmp_path.iterdir())):
        file.write_bytes(file.read_bytes()[: 100 * (number % 3)])
    assert computed() == found
    again = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert again.keys() == whole.keys()
    assert all(again[name] > 0.9 * whole[name] for name in whole)


COMPUTE = """
import jax
from aedenoise.runtime.process import prepare_process
prepare_process(print)
functions = (abs, jax.lax.sin, jax.lax.exp)
print([float(f(jax.numpy.arange(9.0).sum())) for f in map(jax.jit, functions)])
"""


def other_format(folder: Path) -> None:
    place = folder / "1" / "digest" / "metadata"
    place.write_text(json.dumps({**json.loads(place.read_text()), "format": 99}))


def changed(tree, how: str):
    """Returns ``like`` with one difference."""
    params = dict(tree.params["encoder"])
    name = sorted(params)[0]
    leaf = params[name]["kernel"]
    if how == "dtype":
        new = jax.ShapeDtypeStruct(leaf.shape, jnp.bfloat16, sharding=leaf.sharding)
        params[name] = {**params[name], "kernel": new}
    elif how == "shape":
        new = jax.ShapeDtypeStruct((5, *leaf.shape[1:]), leaf.dtype, sharding=leaf.sharding)
        params[name] = {**params[name], "kernel": new}
    elif how == "missing":
        params["another"] = {"kernel": leaf}
    elif how == "extra":
        del params[name]
    return tree.replace(params={**tree.params, "encoder": params})


@pytest.mark.scorecard(22)
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("dtype", r"of another model: .*kernel is float32.* there and bfloat16"),
        ("shape", r"of another model: .*kernel is float32\[3, 3.* there and float32\[5"),
        ("missing", r"of another model: .*another/kernel is missing there"),
        ("extra", r"of another model: .* and missing here"),
        ("format", r"has format 99, this version reads 1"),
        ("no step", r"no checkpoint of step 9 in .*; available: 1"),
        ("empty", r"no checkpoint in"),
        ("unfinished", r"no checkpoint in"),
    ],
)
def test_what_cannot_be_restored_says_why(tmp_path: Path, how: str, words: str) -> None:
    state, like = state_and_like()
    folder = tmp_path / "c"
    folder.mkdir()
    if how == "unfinished":
        (folder / "1.orbax-checkpoint-tmp").mkdir()
    elif how != "empty":
        with Checkpoints(folder) as checkpoints:
            checkpoints.save(1, state, {})
    if how == "format":
        other_format(folder)
    with (
        Checkpoints(folder, read_only=True) as checkpoints,
        pytest.raises(CheckpointError, match=words) as raised,
    ):
        checkpoints.restore(changed(like, how), 9 if how == "no step" else None)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("place", ["file", "/proc/none"])
def test_places_that_hold_no_checkpoints(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        Checkpoints(place if "/" in place else tmp_path / place)


def test_a_state_that_is_not_finite_is_not_saved(tmp_path: Path) -> None:
    state, _ = state_and_like()
    moments = jax.tree.map(
        lambda x: x.at[...].set(jnp.inf) if x.dtype == jnp.float32 else x, state.opt_state
    )
    with (
        Checkpoints(tmp_path) as checkpoints,
        pytest.raises(Exception, match="is not finite at step 1"),
    ):
        checkpoints.save(1, state.replace(opt_state=moments), {})
    assert not list(tmp_path.iterdir())


@pytest.mark.scorecard(23)
@pytest.mark.parametrize("version", sorted(path.name for path in OLD.iterdir()))
def test_what_earlier_versions_saved_is_restored(
    data_dir: str, tmp_path: Path, version: str, reached: Reached
) -> None:
    workdir = Workdir(tmp_path / "run")
    shutil.copytree(OLD / version, workdir.path)
    expected = json.loads((workdir.path / "expected.json").read_text())
    options = RunOptions(workdir=workdir.path, data_dir=data_dir)
    workload = make_denoising_workload(
        workdir.read_experiment(), options, notify=lambda line: None, training=False
    )
    with Checkpoints(workdir.checkpoints, read_only=True) as checkpoints:
        restored = checkpoints.restore(workload.state_like())
    assert digest(restored.state) == expected["digest"]
    found = workload.evaluate(restored.state.params)["denoised"]
    for name, value in expected["eval"].items():
        np.testing.assert_allclose(found[name], value, atol=1e-5)
    reached(version)


@pytest.mark.scorecard(24)
@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_long_run_needs_no_more_of_anything(
    data_dir: str, tmp_path: Path, soak: bool, reached: Reached
) -> None:
    steps = 10_000 if soak else 300
    workdir = tmp_path / "run"
    process = start(
        workdir,
        data_dir,
        "--train_examples=3200",
        f"--epochs={steps // 100}",
        "--save_every=10",
        "--eval_every=20" if soak else "--eval_every=3",
    )
    place = Path(f"/proc/{process.pid}")
    samples: list[tuple[int, int, float]] = []
    open_files: list[tuple[int, int]] = []
    seen = 0

    def sampled() -> bool:
        nonlocal seen
        newest = max(steps_saved(workdir), default=0)
        with contextlib.suppress(OSError):  # it has ended
            open_files.append((newest, len([*(place / "fd").iterdir()])))
        if newest > seen:
            seen = newest
            memory = int((place / "statm").read_text().split()[1]) * resource.getpagesize()
            samples.append((newest, memory, time.monotonic()))
        return process.poll() is not None or newest >= steps - 10

    wait_until(sampled, timeout=1200)
    code, out, err = finish(process)
    assert (code, err) == (0, ""), out
    warm = [sample for sample in samples if sample[0] > steps * 0.2]
    growth = warm[-1][1] / warm[0][1] - 1.0
    early, later = (
        [files for step, files in open_files if low * steps < step <= high * steps]
        for low, high in ((0.2, 0.6), (0.6, 1.0))
    )
    middle, late = (_pace(warm[: len(warm) // 2]), _pace(warm[len(warm) // 2 :]))
    times = json.loads((workdir / "results.json").read_text())["train"]
    reached(
        f"{steps:,} steps, {steps // 10} checkpoints in {times['seconds']:.0f} s: memory "
        f"{growth:+.1%}, {min(early)} and later {min(later)} open files, seconds a step "
        f"{late / middle - 1.0:+.1%}"
    )
    assert growth < (0.05 if soak else 0.15)
    # Some samples fall into a save, which has files open of its own.
    assert min(later) <= min(early)
    best = json.loads((workdir / "results.json").read_text())["best"]["step"]
    assert set(steps_saved(workdir)) == {steps - 10, steps, best}
    assert not list(workdir.glob("checkpoints/*tmp*"))


def _pace(samples: list[tuple[int, int, float]]) -> float:
    """Returns the median seconds per step between samples."""
    return statistics.median((b[2] - a[2]) / (b[0] - a[0]) for a, b in pairwise(samples))
