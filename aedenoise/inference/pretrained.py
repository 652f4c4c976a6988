"""Pretrained network of the package: loading and packing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from aedenoise.config import from_dict, to_dict
from aedenoise.errors import CheckpointError
from aedenoise.files import write_atomically, write_json
from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.intervals import restore
from aedenoise.models import build_autoencoder
from aedenoise.training.digests import params_digest
from aedenoise.training.params_file import packed, unpacked

FORMAT = 1
_FILES = resources.files("aedenoise.inference") / "files"
_NAME = "pretrained"


def load_pretrained() -> Denoiser:
    """Loads the packaged network; ``experiments/pretrained.py`` trained it.

    Raises:
      CheckpointError: if its files are missing or damaged.
    """
    try:
        record = pretrained_record()
        content = (_FILES / f"{_NAME}.npz").read_bytes()
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"this installation lacks its network ({error}); reinstall the package"
        ) from error
    if record["format"] != FORMAT or hashlib.sha256(content).hexdigest() != record["sha256"]:
        raise CheckpointError("the network in this installation is damaged; reinstall the package")
    experiment = from_dict(record["experiment"])
    params = unpacked(content)
    return Denoiser(
        build_autoencoder(experiment.model, record["channels"]),
        params,
        experiment=experiment,
        channels=record["channels"],
        step=record["step"],
        calibration=restore(record.get("calibration"), params_digest(params)),
    )


def pretrained_record() -> dict[str, Any]:
    """Returns the packaged network's record: experiment, digest, data and scores."""
    text = (_FILES / f"{_NAME}.json").read_text(encoding="utf-8")
    record: dict[str, Any] = json.loads(text)
    return record


def pack(denoiser: Denoiser, folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes ``pretrained.npz`` and ``pretrained.json``.

    Args:
      denoiser: network to pack.
      folder: target folder.
      facts: further entries of the record: data and scores.
    """
    content = packed(denoiser.params)
    record = {
        "format": FORMAT,
        "sha256": hashlib.sha256(content).hexdigest(),
        "experiment": to_dict(denoiser.experiment),
        "channels": denoiser.channels,
        "step": denoiser.step,
        **facts,
    }
    write_atomically(folder / f"{_NAME}.npz", content)
    write_json(folder / f"{_NAME}.json", record, indent=1)
