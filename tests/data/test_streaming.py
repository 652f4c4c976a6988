"""Splits on disk: the same examples in the same order as in memory."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from hypothesis import given, settings
from hypothesis import strategies as st

from aedenoise.data.batches import TrainBatches, eval_batches
from aedenoise.data.reading import Dataset, load
from aedenoise.data.statistics import describe
from aedenoise.data.streaming import ReadAhead, Records, compute_mean


@pytest.fixture(scope="module")
def both(data_dir: str) -> tuple[Dataset, Dataset]:
    """Loads the open letters in memory, and on disk."""
    in_memory = load("notmnist/open", data_dir)
    on_disk = load("notmnist/open", data_dir, memory_budget=1_000)
    assert isinstance(on_disk.train.images, Records)
    return in_memory, on_disk


def test_records_are_the_array(both: tuple[Dataset, Dataset]) -> None:
    array, records = both[0].train.images, both[1].train.images
    assert (records.shape, records.dtype, len(records)) == (array.shape, array.dtype, len(array))
    rows = np.random.default_rng(0).integers(0, len(array), 6000)
    np.testing.assert_array_equal(records[rows], array[rows])
    np.testing.assert_array_equal(records[10:20], array[10:20])
    np.testing.assert_array_equal(both[1].train.labels, both[0].train.labels)
    assert both[1].digest == both[0].digest
    np.testing.assert_allclose(compute_mean(records), array.mean(axis=0, dtype=np.float64))
    assert describe(records) == describe(array)


@settings(max_examples=15, deadline=None)
@given(
    start=st.integers(0, 40), batch_size=st.integers(1, 700), seed=st.integers(0, 9), data=st.data()
)
@pytest.mark.slow
def test_batches_read_ahead_are_the_same(
    both: tuple[Dataset, Dataset], start: int, batch_size: int, seed: int, data: st.DataObject
) -> None:
    in_memory, on_disk = (
        TrainBatches(dataset.train.images, batch_size=batch_size, seed=seed) for dataset in both
    )
    ahead = ReadAhead(on_disk, on_disk.steps_per_epoch, steps=1_000)
    steps = [*range(start, start + 5), data.draw(st.integers(0, 900))]
    for step in steps:
        for one, other in zip(in_memory(step), ahead(step), strict=True):
            np.testing.assert_array_equal(one, other)


def test_evaluation_reads_the_same(both: tuple[Dataset, Dataset]) -> None:
    pairs = zip(*(eval_batches(d.test.images, 1_000) for d in both), strict=True)
    for one, other in pairs:
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.mask, other.mask)


@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_run_from_disk(command: Command, tmp_path: Path) -> None:
    flags = ["--epochs=1", "--encoder_features=4,4", "--decoder_features=4,4", "--batch_size=512"]
    done = command(*flags, "--memory_budget=1", f"--workdir={tmp_path}")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["train"]["steps"] == 31
    assert results["noisy"]["psnr"] == pytest.approx(10.9, abs=0.1)
