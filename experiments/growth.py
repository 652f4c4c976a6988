"""Measures how time, memory and traffic grow with devices, images and parameters.

python -m experiments.growth --output=experiments/results/growth.md

Counts are exact: they come from the compiled programs. Times are of eight devices simulated on the
cores of one machine. They show how the program scales, not how fast eight accelerators are.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")

import jax
import numpy as np

from aedenoise.config import ADAM, Experiment, ModelConfig, replace
from aedenoise.data.batch import Batch
from aedenoise.data.batches import TrainBatches
from aedenoise.training.checkpoints import Checkpoints
from aedenoise.training.sharding import make_executor
from aedenoise.training.step import train_step
from aedenoise.training.task import (
    abstract_state,
    create_state,
    make_task,
    parameter_count,
    run_keys,
)

PER_DEVICE = 64
_BYTES = {"f32": 4, "s32": 4, "u32": 4, "bf16": 2, "pred": 1, "u8": 1, "s8": 1}


@dataclass(frozen=True)
class Program:
    """Resources of one device for one training step.

    Attributes:
      arguments, temporary: bytes of state, images and batch, and of temporary arrays of a step.
      summed: bytes of each device's share in sums over all devices; a ring sends at most twice
        that, however many devices there are.
      operations: floating-point operations, as XLA counts them.
    """

    arguments: int
    temporary: int
    summed: int
    operations: float


def program(
    devices: int, batch_size: int, images: int, experiment: Experiment | None = None
) -> Program:
    """Compiles the step on ``devices`` devices, each of which holds a split of so many images."""
    experiment = experiment or Experiment(optimizer=ADAM)
    executor = make_executor("jit", batch_size, devices=jax.devices()[:devices])
    task = make_task(experiment, channels=1, total_steps=1000, lowering="plain")

    call: Any = executor.train(partial(train_step, task), several=False)
    index = np.zeros(batch_size, np.int32)
    split = jax.ShapeDtypeStruct((images, 28, 28, 1), np.uint8)
    state = abstract_state(task, (28, 28, 1))
    batch = Batch(None, index, np.ones(batch_size, bool))
    compiled = call.lower(state, run_keys(0)[1], split, batch).compile()
    memory = compiled.memory_analysis()
    return Program(
        arguments=memory.argument_size_in_bytes,
        temporary=memory.temp_size_in_bytes,
        summed=summed_bytes(compiled.as_text()),
        operations=compiled.cost_analysis()["flops"],
    )


def summed_bytes(text: str) -> int:
    """Counts the bytes that the all-reduces of a compiled program sum over devices."""
    total = 0
    for result in re.findall(r"= (.*?) all-reduce(?:-start)?\(", text):
        for kind, shape in re.findall(r"(\w+)\[([\d,]*)\]", result):
            total += _BYTES[kind] * int(np.prod([int(side) for side in shape.split(",") if side]))
    return total


def _step_seconds(devices: int, batch_size: int) -> float:
    experiment = Experiment(optimizer=ADAM)
    executor = make_executor("jit", batch_size, devices=jax.devices()[:devices])
    task = make_task(experiment, channels=1, total_steps=1000, lowering="plain")
    images = np.zeros((4096, 28, 28, 1), np.uint8)
    init_key, noise_key = run_keys(0)
    state = executor.replicate(create_state(task, init_key, (28, 28, 1)))
    key, split = executor.replicate(noise_key), executor.place(images)
    batches = TrainBatches(images, batch_size=batch_size, seed=0, resident=True)

    call = executor.train(partial(train_step, task), several=False)
    seconds = []
    for number in range(8):
        begun = time.perf_counter()
        state, metrics = call(state, key, split, batches(number))
        jax.block_until_ready(metrics)
        seconds.append(time.perf_counter() - begun)
    return min(seconds[2:])


def _checkpoint_seconds(width: int) -> tuple[int, float, float]:
    """Counts the parameters of a network of ``width``, and times saving and restoring its state."""
    model = ModelConfig(encoder_features=(width, width), decoder_features=(width, width))
    task = make_task(
        replace(Experiment(optimizer=ADAM), {"model": model}), channels=1, total_steps=10
    )
    executor = make_executor("jit")
    state = executor.replicate(create_state(task, jax.random.key(0), (28, 28, 1)))
    with tempfile.TemporaryDirectory() as folder, Checkpoints(folder) as checkpoints:
        checkpoints.save(0, state, {})
        save = _seconds(lambda: checkpoints.save(1, state, {}))
        like = executor.abstract(abstract_state(task, (28, 28, 1)))
        restore = _seconds(lambda: checkpoints.restore(like))
    return parameter_count(state.params), save, restore


def _batch_seconds(images: int, batch_size: int) -> tuple[float, float]:
    """Times the first batch of an epoch of so many images, and a later one."""
    batches = TrainBatches(
        np.broadcast_to(np.zeros((1, 28, 28, 1), np.uint8), (images, 28, 28, 1)),
        batch_size=batch_size,
        seed=0,
        resident=True,
    )
    first = _seconds(lambda: batches(0))
    return first, min(_seconds(lambda: batches(1)) for _ in range(20))


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _table(head: str, rows: list[list[str]]) -> list[str]:
    columns = head.count("|") - 1
    return [head, "|" + " --- |" * columns, *(f"| {' | '.join(row)} |" for row in rows), ""]


def report() -> str:
    """Measures everything and returns the page."""
    lines = [
        "# Growth: devices, images, parameters",
        "",
        "Written by `python -m experiments.growth`. The default network (28,353 parameters), "
        f"{os.cpu_count()} CPU cores, jax {jax.__version__}; {PER_DEVICE} images a device and a "
        "step; the whole training set of 15,470 images on each device.",
        "",
        "## Devices",
        "",
        "Bytes and operations of one device, from the compiled program; seconds of devices "
        "simulated on the cores of one machine, all of them sharing these cores.",
        "",
    ]
    rows = []
    for devices in (1, 2, 4, 8):
        found = program(devices, PER_DEVICE * devices, 15_470)
        seconds = _step_seconds(devices, PER_DEVICE * devices)
        rows.append(
            [
                str(devices),
                f"{PER_DEVICE * devices}",
                f"{found.arguments / 1e6:.2f}",
                f"{found.temporary / 1e6:.2f}",
                f"{found.summed / 1e3:.1f}",
                f"{found.operations / 1e9:.2f}",
                f"{seconds * 1e3:.0f}",
                f"{seconds / devices * 1e3:.0f}",
            ]
        )
    lines += _table(
        "| devices | batch | state and images, MB | temporary, MB | summed, kB | GFLOP | step, ms "
        "| ms a device |",
        rows,
    )
    lines += ["## Images of the training set", ""]
    rows = []
    for images in (15_470, 60_000, 529_114, 5_000_000):
        first, later = _batch_seconds(images, 1024)
        rows.append(
            [
                f"{images:,}",
                f"{images * 784 / 1e6:,.0f}",
                f"{first * 1e3:.1f}",
                f"{later * 1e3:.2f}",
            ]
        )
    lines += _table("| images | MB | first batch of an epoch of 1024, ms | a later one, ms |", rows)
    lines += ["## Parameters", ""]
    rows = [
        [f"{count:,}", f"{save * 1e3:.0f}", f"{restore * 1e3:.0f}"]
        for count, save, restore in map(_checkpoint_seconds, (8, 32, 128, 512))
    ]
    lines += _table("| parameters | checkpoint, ms | restore and verify, ms |", rows)
    return "\n".join([*lines, *_READING])


_READING = """## Where the first wall stands

- **A step's memory and traffic do not grow with the number of devices** (`tests/test_growth.py`
  holds this): each device sums its gradient, 113 kB for the default network, and a ring sends at
  most twice that.
- **Latency is the first wall.** With 64 images a device, an accelerator of 10 TFLOP/s needs a
  millisecond or less for a step of this network, and a sum over devices costs some tens of
  microseconds inside a host and up to a few hundred between hosts, whatever its size. Batches of
  512 and more a device keep that below a tenth; beyond it, more hosts train larger batches, not
  faster.
- **Dispatch** is the same order: `--steps_per_call` (16 on accelerators) puts it out of the way.
- **Input**: the devices hold the training set and are sent 5 bytes an example. The order of an
  epoch is one sort by every process. A set that does not fit a quarter of a device's memory is
  sent as images, and one that does not fit `--memory_budget` is read from disk ahead of time; each
  process reads its own rows only.
- **Checkpoints** are written by one process for all, synchronously: their time grows with the
  parameters, not with devices. Networks beyond some ten million parameters would want them
  asynchronous.
""".splitlines()


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="where to write; else it is printed")
    text = report() + "\n"
    output = parser.parse_args().output
    if output is None:
        print(text)
    else:
        output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
