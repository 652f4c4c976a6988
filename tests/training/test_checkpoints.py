"""Checkpoints: states are restored bit for bit, or an error names the fault."""

from __future__ import annotations

from pathlib import Path

import jax
import pytest
from helpers import digest, state_and_like

from aedenoise.errors import CheckpointError
from aedenoise.training.checkpoints import Checkpoints


def test_round_trip_keeps_every_bit_and_the_newest_two(tmp_path: Path) -> None:
    state, like = state_and_like()
    with Checkpoints(tmp_path / "c") as checkpoints:
        assert checkpoints.steps() == []
        for step in (1, 2, 3):
            checkpoints.save(step, state, {"seconds": step / 2})
        checkpoints.save(3, state, {"seconds": 99.0})
    with Checkpoints(tmp_path / "c") as checkpoints:
        assert checkpoints.steps() == [2, 3]
        restored = checkpoints.restore(like)
        assert restored.step == 3
        assert digest(restored.state) == digest(state)
        assert restored.record == {"seconds": 1.5}
        assert checkpoints.restore(like, step=2).record == {"seconds": 1.0}
        with pytest.raises(CheckpointError, match=r"no checkpoint of step 7 .* available: 2, 3"):
            checkpoints.restore(like, step=7)
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == ["2", "3"]


def test_what_a_killed_save_leaves_is_cleaned(tmp_path: Path) -> None:
    state, like = state_and_like()
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state, {})
    (tmp_path / "2.orbax-checkpoint-tmp").mkdir()
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.steps() == [1]
        checkpoints.restore(like)
    assert [p.name for p in tmp_path.iterdir()] == ["1"]


def test_another_model_is_refused_by_its_first_leaf(tmp_path: Path) -> None:
    state, _ = state_and_like()
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state, {})
        _, wider = state_and_like(model__decoder_features=(4, 8))
        with pytest.raises(CheckpointError, match=r"of another model: .*decoder.* is float32\["):
            checkpoints.restore(wider)
        _, other = state_and_like(model__decoder="transpose")
        with pytest.raises(CheckpointError, match="missing"):
            checkpoints.restore(other)


def test_another_dtype_is_refused_not_cast(tmp_path: Path) -> None:
    state, like = state_and_like()
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state, {})
        halves = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, "bfloat16", sharding=x.sharding), like
        )
        with pytest.raises(CheckpointError, match="bfloat16"):
            checkpoints.restore(halves)


def test_an_empty_folder_has_no_checkpoint(tmp_path: Path) -> None:
    _, like = state_and_like()
    with (
        Checkpoints(tmp_path, read_only=True) as checkpoints,
        pytest.raises(CheckpointError, match="no checkpoint in"),
    ):
        checkpoints.restore(like)


@pytest.mark.parametrize("damage", ["truncated", "deleted"])
def test_a_damaged_checkpoint_is_one_error(tmp_path: Path, damage: str) -> None:
    state, like = state_and_like()
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state, {})
    for file in (tmp_path / "1" / "state").rglob("manifest.ocdbt"):
        if damage == "truncated":
            file.write_bytes(file.read_bytes()[:20])
        else:
            file.unlink()
    with (
        Checkpoints(tmp_path, read_only=True) as checkpoints,
        pytest.raises(CheckpointError, match=r"checkpoint 1 in .* cannot be read"),
    ):
        checkpoints.restore(like)
