"""Exports an untrained network of each decoder in each format; differences, sizes, times.

python -m experiments.export_table            # prints the table
python -m experiments.export_table --update   # and writes experiments/results/export.md
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.config import Experiment, ModelConfig
from aedenoise.config.decoders import DECODERS
from aedenoise.exports.api import export
from aedenoise.exports.formats import FORMATS
from aedenoise.exports.network import Network
from aedenoise.exports.page.engine import find_engine, run_page
from aedenoise.inference.denoiser import Denoiser
from aedenoise.models import build_autoencoder
from experiments.output import add_update_flag, results_folder, write_results

SHAPE = (28, 28, 1)
TABLE = "export.md"
_IMAGES, _ROUNDS = 64, 20


def untrained(decoder: str) -> Denoiser:
    """Makes the tutorial's network with one of the decoders, before training."""
    experiment = Experiment(model=ModelConfig(decoder=decoder))
    model = build_autoencoder(experiment.model, SHAPE[-1])
    params = model.init(jax.random.key(0), jnp.zeros((1, *SHAPE)), jnp.zeros(1))["params"]
    return Denoiser(model, params, experiment=experiment, channels=SHAPE[-1], step=0)


def milliseconds(run: Callable[[np.ndarray], np.ndarray] | None) -> str:
    """Returns the shortest time for a batch, per image, after a first call."""
    assert run is not None
    noisy = np.random.default_rng(0).random((_IMAGES, *SHAPE), np.float32)
    run(noisy)
    times = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        run(noisy)
        times.append(time.perf_counter() - begun)
    return f"{1e3 * min(times) / _IMAGES:.3f}"


def rows(decoder: str, folder: Path) -> list[str]:
    """Returns the lines of one decoder."""
    source = untrained(decoder)
    lines = [f"| {decoder} | JAX, in this package | | | {milliseconds(source)} |"]
    for name, chosen in FORMATS.items():
        path = folder / f"{decoder}{chosen.suffix}"
        written = export(source, name, path)
        content = path.read_bytes()
        if name == "html":
            time_of_one = _in_a_page(content)
        else:
            time_of_one = milliseconds(chosen.load(content, Network(source, {}, SHAPE)))
        difference = "" if written.proof is None else f"{written.proof.difference:.1e}"
        lines.append(f"| {decoder} | {name} | {difference} | {written.size:,} | {time_of_one} |")
    return lines


def _in_a_page(content: bytes) -> str:
    """Returns the time of one image, and the program that took it."""
    engine = find_engine()
    if engine is None:
        return ""
    noisy = np.random.default_rng(0).random((_IMAGES, *SHAPE), np.float32)
    shortest = min(run_page(engine, content, noisy)[1] for _ in range(3))
    return f"{shortest:.1f} ({engine.name})"


HEAD = f"""# Exported files

`python -m experiments.export_table --update`; {os.cpu_count()} CPU cores, jax {jax.__version__}.
Networks of the default widths with each decoder, untrained. *Difference* is the largest of 72
noisy images in two sizes, between the file and JAX; max_unpool leaves out images where two maxima
differ by rounding. *ms* is the time for an image of 28 x 28 in a batch of {_IMAGES}, the shortest
of {_ROUNDS}; of a page, in plain JavaScript, one image after the other.

| decoder | format | difference | bytes | ms |
| --- | --- | --- | --- | --- |
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="export every decoder in every format")
    add_update_flag(parser)
    target = results_folder(parser.parse_args().update, Path("runs"))
    found: list[str] = []
    with tempfile.TemporaryDirectory() as made:
        for each in DECODERS:
            found += rows(each, Path(made))
            print(*found[-1 - len(FORMATS) :], sep="\n", flush=True)
    write_results(target, {TABLE: (HEAD + "\n".join(found) + "\n").encode()})
