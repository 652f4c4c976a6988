"""Trains one small network on 1, 2, 4 and 8 of the devices of a process, by jit and by pmap, with
the CPU kernels and with XLA's convolutions.

python devices_worker.py OUT.json STEPS
"""

from __future__ import annotations

import hashlib
import json
import sys
from functools import partial
from pathlib import Path

import jax
import numpy as np
from helpers import letters, small
from jax.lax import all_gather

from aedenoise.data.batches import TrainBatches
from aedenoise.ops.images import scale
from aedenoise.ops.noise import corrupt_batch
from aedenoise.training.sharding import make_executor
from aedenoise.training.step import train_step
from aedenoise.training.task import create_state, make_task, run_keys


def curve(lowering: str, parallel: str, count: int, steps: int) -> dict[str, object]:
    """Returns losses of all steps, the last parameters, and a digest of the first step's noise."""
    experiment = small(optimizer__learning_rate=1e-3)
    task = make_task(experiment, channels=1, total_steps=200, lowering=lowering)
    executor = make_executor(parallel, 32, devices=jax.devices()[:count])
    images = letters(320)
    batches = TrainBatches(images, batch_size=32, seed=0)
    init_key, noise_key = run_keys(0)

    def noise_fn(state, key, batch, *, axis_name=None):
        noisy = corrupt_batch(task.corrupt, key, 7, batch.index, scale(batch.image)).image
        return state, noisy if axis_name is None else all_gather(noisy, axis_name, tiled=True)

    key = executor.replicate(noise_key)
    state = executor.replicate(create_state(task, init_key, (28, 28, 1)))
    state, noise = executor.train(noise_fn, several=False)(state, key, None, batches(0))
    step = executor.train(partial(train_step, task), several=False)
    losses = []
    for number in range(steps):
        state, metrics = step(state, key, None, batches(number))
        # One program at a time: eight simulated devices wait for each other on few cores.
        losses.append(float(metrics["loss_sum"]) / float(metrics["count"]))
    return {
        "losses": losses,
        "params": np.concatenate([np.ravel(x) for x in jax.tree.leaves(state.params)]).tolist(),
        "noise": hashlib.sha256(np.asarray(noise).tobytes()).hexdigest(),
    }


if __name__ == "__main__":
    found = {
        f"{lowering} {parallel} {count}": curve(lowering, parallel, count, int(sys.argv[2]))
        for lowering in ("auto", "plain")
        for parallel in ("jit", "pmap")
        for count in (1, 2, 4, 8)
    }
    Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")
