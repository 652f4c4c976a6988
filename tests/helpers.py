"""What several test modules need: small experiments on real letters, and digests of states."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aedenoise.config import DataConfig, Experiment, ModelConfig, replace
from aedenoise.config.options import RunOptions
from aedenoise.data.builders import read_open_letters
from aedenoise.runs.denoising import set_up
from aedenoise.runs.gan import set_up_gan
from aedenoise.training.checkpoints import Checkpoints
from aedenoise.training.workdir import Workdir

SMALL = Experiment(
    model=ModelConfig(encoder_features=(4, 4), decoder_features=(4, 4)),
    data=DataConfig(train_examples=200, test_examples=40),
    batch_size=32,
    epochs=2,
)


def small(**overrides: Any) -> Experiment:
    """``SMALL`` with dotted fields replaced; ``__`` stands for the dot."""
    return replace(SMALL, {name.replace("__", "."): value for name, value in overrides.items()})


def bench(experiment: Experiment, data_dir: str, parallel: str = "jit") -> Any:
    """A bench on the devices of the tests."""
    options = RunOptions(workdir=Path("unused"), data_dir=data_dir, parallel=parallel)
    made = set_up_gan if experiment.model.network == "gan" else set_up
    return made(experiment, options, notify=lambda line: None)


def letters(count: int) -> np.ndarray:
    """Real letters, uint8 ``[count, 28, 28, 1]``."""
    return read_open_letters("train")[0][:count, ..., None]


def digest(tree: Any) -> str:
    """SHA-256 over every leaf's path, dtype, shape and bytes."""
    total = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.asarray(leaf)
        total.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def saved_state(workdir: Path, data_dir: str) -> Any:
    """The state in a workdir's newest checkpoint."""
    experiment = Workdir(workdir).read_experiment()
    with Checkpoints(workdir / "checkpoints", read_only=True) as checkpoints:
        return checkpoints.restore(bench(experiment, data_dir).state_like()).state
