"""aedenoise: aedenoise_worker MODE DECODER BATCH FILES LOWERING WIDTH, in this package's Python.

MODE is train or infer; FILES is the folder with ``images.npy`` and ``weights.npz``.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path

import jax
import numpy as np

from aedenoise.config import ADAM, Experiment
from aedenoise.data.batch import Batch
from aedenoise.models.autoencoder import predict
from aedenoise.ops.images import scale
from aedenoise.ops.noise import Noisy
from aedenoise.runtime.process import prepare_process
from aedenoise.training.sharding import make_executor
from aedenoise.training.step import train_step
from aedenoise.training.task import create_state, make_task, run_keys
from experiments.speed.network import config, nested
from experiments.speed.workers.serving import serve


def main(mode: str, decoder: str, batch_size: int, files: Path, lowering: str, width: int) -> None:
    prepare_process(lambda line: None)
    experiment = dataclasses.replace(
        Experiment(optimizer=ADAM), model=config(decoder, width), batch_size=batch_size
    )
    task = make_task(experiment, channels=1, total_steps=100_000, lowering=lowering)
    images = np.load(files / "images.npy")
    describe = {"versions": f"jax {jax.__version__}, flax {metadata.version('flax')}"}
    if mode == "infer":
        params = nested(dict(np.load(files / f"{decoder}.npz")))
        level = jax.numpy.zeros(batch_size)
        denoise = jax.jit(lambda image: predict(task.model, params, Noisy(image, level)))
        image = scale(jax.numpy.asarray(images[:batch_size]))
        serve(describe, lambda steps: _infer(denoise, image, steps))
        return
    executor = make_executor("jit", batch_size)
    init_key, noise_key = run_keys(0)
    state = [executor.replicate(create_state(task, init_key, images.shape[1:]))]
    key = executor.replicate(noise_key)
    split = executor.place(images)

    several = 1 if jax.default_backend() == "cpu" else 100
    call = executor.train(partial(train_step, task), several=several > 1)
    random = np.random.default_rng(0)

    def run(steps: int) -> None:
        for _ in range(max(1, steps // several)):
            shape = (batch_size,) if several == 1 else (several, batch_size)
            index = random.integers(0, len(images), shape, dtype=np.int32)
            state[0], metrics = call(state[0], key, split, Batch(None, index, np.ones(shape, bool)))
        jax.block_until_ready(metrics)

    serve(describe, run)


def _infer(denoise: Callable[[jax.Array], jax.Array], image: jax.Array, steps: int) -> None:
    for _ in range(steps):
        out = denoise(image)
    jax.block_until_ready(out)


if __name__ == "__main__":
    main(
        sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), sys.argv[5], int(sys.argv[6])
    )
