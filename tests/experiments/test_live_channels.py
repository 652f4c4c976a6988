"""Channels of the code that answer no image are counted as dead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import aedenoise
from experiments import live_channels


@pytest.mark.slow
@pytest.mark.end_to_end
def test_a_channel_without_any_answer_is_dead(
    tmp_path: Path, data_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_channels, "IMAGES", 200)
    run = tmp_path / "run"
    aedenoise.train(
        "udacity", epochs=1, train_examples=40, test_examples=20, data_dir=data_dir, workdir=run
    )
    whole = live_channels._row(run)
    assert whole.startswith("| udacity | 0 | 1 | ")
    alive = int(whole.split("|")[4].split(" of ")[0])
    assert 0 < alive <= 8

    def without_one(folder: Path) -> aedenoise.Denoiser:
        loaded = load(folder)
        last = loaded.params["encoder"]["conv2"]
        # Strongest first: the bias of this channel keeps its ReLU at 0.
        last["bias"] = np.where(np.arange(8) == strongest(loaded), -1e3, last["bias"])
        return loaded

    def strongest(loaded: aedenoise.Denoiser) -> int:
        images = jax.random.uniform(jax.random.key(0), (20, 28, 28, 1))
        code: Any = loaded.model.apply({"params": loaded.params}, images, method="encode")
        return int(np.asarray(code).max(axis=(0, 1, 2)).argmax())

    load = aedenoise.load
    monkeypatch.setattr(aedenoise, "load", without_one)
    assert int(live_channels._row(run).split("|")[4].split(" of ")[0]) == alive - 1
