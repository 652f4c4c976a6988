"""The speed experiment: its counts, and its protocol with the systems it times."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers import letters

from aedenoise.ops import minimal_conv, phases
from experiments.speed import network
from experiments.speed.protocol import start, take_turns


def products(axis: phases.Axis, size: int, channels: int) -> int:
    """Counts multiply-adds of a phase convolution over ``size x size`` outputs of one channel."""
    one_axis = sum(len(taps) * axis.places(p, size) for p, taps in enumerate(axis.shifts))
    return one_axis**2 * channels


def test_operations_are_what_the_tables_of_taps_say() -> None:
    conv, transposed = phases.convolution, phases.transposed_convolution(3, 2)[0]
    upsampled = phases.upsampled_convolution(3, 2)[0]
    encoder = products(conv(28, 3, 1)[0], 28, 32) + products(conv(14, 3, 1)[0], 14, 32 * 32)
    by_upsampling = (
        products(conv(7, 3, 1)[0], 7, 32 * 32)
        + products(upsampled, 14, 32 * 32)
        + products(upsampled, 28, 32)
    )
    by_transposing = (
        products(transposed, 14, 32 * 32)
        + products(transposed, 28, 32 * 32)
        + products(conv(28, 3, 1)[0], 28, 32)
    )
    direct = partial(network.inference_operations, width=32, savings=False)
    assert direct("upsample") == 2 * (encoder + by_upsampling)
    assert direct("transpose") == 2 * (encoder + by_transposing)


def test_savings_are_those_of_the_algorithms() -> None:
    def tiles(form: minimal_conv.Form, size: int) -> int:
        return (-(-size // form.outputs) * form.products) ** 2

    def layer(index: int, decoder: str = "upsample") -> int:
        layers = network._ENCODER + network._DECODER[decoder]
        return round(layers[index].side ** 2 * layers[index].minimal)

    assert layer(1) == tiles(minimal_conv.CONVOLUTION, 14)
    assert layer(2) == tiles(minimal_conv.CONVOLUTION, 7)
    assert layer(3) == tiles(minimal_conv.UPSAMPLING, 14)
    assert layer(3, "transpose") == tiles(minimal_conv.TRANSPOSED, 28)


@pytest.mark.slow
def test_a_worker_is_timed_and_a_broken_one_named(tmp_path: Path) -> None:
    network.write_inputs(letters(600), tmp_path, 32)
    command = [sys.executable, "-m", "experiments.speed.workers.aedenoise_worker"]
    worker = start(
        "ours", [*command, "infer", "upsample", "16", str(tmp_path), "plain", "32"], peer=False
    )
    assert not isinstance(worker, str)
    take_turns([worker], rounds=2, seconds=0.05, batch_size=16)
    worker.close()
    assert len(worker.rates) == 2
    assert np.all(np.array(worker.rates) > 0.0)
    assert worker.versions.startswith("jax ")
    broken = start("broken", [sys.executable, "-c", "raise SystemExit('no such thing')"], peer=True)
    assert broken == "no such thing"


@pytest.mark.parametrize("decoder", network.DECODERS)
@pytest.mark.slow
def test_weights_survive_the_way_to_the_workers(tmp_path: Path, decoder: str) -> None:
    network.write_inputs(letters(3), tmp_path, 32)
    tree = network.nested(dict(np.load(tmp_path / f"{decoder}.npz")))
    assert set(tree) == {"encoder", "decoder"}
    assert tree["encoder"]["conv1"]["kernel"].shape == (3, 3, 32, 32)
