"""Is any decoder slow? Times a training step of each at equal parameters, in turn.

python -m experiments.speed.decoders --output=experiments/results/speed_decoders.md
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import numpy as np

from aedenoise.config import ADAM, Experiment, ModelConfig
from aedenoise.config.study import parse_decoder
from aedenoise.data.batch import Batch
from aedenoise.data.reading import load
from aedenoise.runtime.process import prepare_process
from aedenoise.studies.comparison.matching import Network, match_networks
from aedenoise.training.sharding import make_executor
from aedenoise.training.step import train_step
from aedenoise.training.task import create_state, make_task, run_keys
from experiments.speed.machine import describe

REFERENCE = "upsample"
# Max unpooling follows the encoder's widths, which differ from those of the others.
DECODERS = (
    *(REFERENCE, "upsample:resize_conv", "bilinear", "bilinear:resize_conv", "bicubic"),
    *("bilinear_additive", "transpose", "transpose:k2", "transpose:k4", "transpose:k5"),
    *("transpose:k6", "transpose:k7", "transpose_parallel:k7", "transpose_smooth:k4"),
    *("subpixel", "unpool", "carafe"),
)
BATCH = 128
STEPS = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.speed.decoders")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", type=Path, help="write the table to this file, too")
    arguments = parser.parse_args()
    prepare_process(print)
    images = load("mnist", None, notify=print).train.images[:4096]
    networks = match_networks(DECODERS, ModelConfig(), images.shape[1:], "parameters")
    runs = {name: _stepper(name, network, images) for name, network in networks.items()}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(arguments.rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append((time.perf_counter() - start) / STEPS)
    text = "\n".join(_table(networks, seconds)) + "\n"
    print(text)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


def _stepper(decoder: str, network: Network, images: np.ndarray) -> Callable[[], None]:
    """Returns a function that takes ``STEPS`` training steps, compiled already."""
    config = dataclasses.replace(
        parse_decoder(decoder, ModelConfig()), decoder_features=network.features
    )
    experiment = dataclasses.replace(Experiment(optimizer=ADAM), model=config, batch_size=BATCH)
    task = make_task(experiment, channels=1, total_steps=100_000, lowering="auto")
    executor = make_executor("jit", BATCH)
    init_key, noise_key = run_keys(0)
    state = [executor.replicate(create_state(task, init_key, images.shape[1:]))]
    key, split = executor.replicate(noise_key), executor.place(images)
    call = executor.train(partial(train_step, task), several=False)
    random = np.random.default_rng(0)

    def run() -> None:
        for _ in range(STEPS):
            index = random.integers(0, len(images), BATCH, dtype=np.int32)
            state[0], metrics = call(state[0], key, split, Batch(None, index, np.ones(BATCH, bool)))
        jax.block_until_ready(metrics)

    run()
    return run


def _table(networks: dict[str, Network], seconds: dict[str, list[float]]) -> list[str]:
    lines = [
        "# Speed of the decoders",
        "",
        f"A training step of {BATCH} images 28 x 28, equal parameters within 1 %, float32: "
        f"medians of {len(seconds[REFERENCE])} rounds in turn, ratios to `{REFERENCE}` of the "
        f"same round. {describe()}.",
        "",
        "| decoder | widths | parameters | multiply-adds | ms | ratio |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, network in networks.items():
        widths = ", ".join(map(str, network.features))
        ratios = np.divide(seconds[name], seconds[REFERENCE])
        lines.append(
            f"| `{name}` | {widths} | {network.parameters:,} | {network.multiply_adds:,} | "
            f"{1e3 * statistics.median(seconds[name]):.1f} | {np.median(ratios):.2f} |"
        )
    return lines


if __name__ == "__main__":
    main()
