"""The cost of a step on one device does not grow with the number of devices."""

from __future__ import annotations

import pytest

from aedenoise.config import Experiment
from aedenoise.training.task import abstract_state, make_task, parameter_count
from experiments.growth import Program, program, summed_bytes

PER_DEVICE = 16


@pytest.fixture(scope="module")
def programs() -> dict[int, Program]:
    return {count: program(count, PER_DEVICE * count, 500) for count in (1, 2, 4)}


@pytest.mark.slow
def test_memory_and_traffic_of_a_device_stay_the_same(programs: dict[int, Program]) -> None:
    assert programs[1].summed == 0
    assert programs[4].summed == programs[2].summed
    assert programs[4].arguments == programs[2].arguments == programs[1].arguments
    assert programs[4].temporary <= 1.05 * programs[2].temporary


@pytest.mark.slow
def test_devices_sum_the_gradient_once_and_little_else(programs: dict[int, Program]) -> None:
    task = make_task(Experiment(), channels=1, total_steps=10)
    gradient = 4 * parameter_count(abstract_state(task, (28, 28, 1)).params)
    assert gradient <= programs[4].summed <= 1.01 * gradient


def test_sums_are_counted_in_a_program() -> None:
    text = """
    %a = f32[3,3]{1,0} all-reduce(%x), to_apply=%add
    %b = (f32[], bf16[8]{0}) all-reduce-start(%y, %z), to_apply=%add
    %c = f32[100]{0} add(%x, %all-reduce.1)
    """
    assert summed_bytes(text) == 36 + 4 + 16
