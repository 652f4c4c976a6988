"""Networks of the package: loading and packing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from aedenoise.config import from_dict, to_dict
from aedenoise.config.denoise_options import PACKED
from aedenoise.config.validation import check_known
from aedenoise.errors import CheckpointError
from aedenoise.files import write_atomically, write_json
from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.intervals import restore
from aedenoise.models import build_autoencoder
from aedenoise.training.digests import params_digest
from aedenoise.training.params_file import packed, unpacked

FORMAT = 1
_FILES = resources.files("aedenoise.inference") / "files"
LETTERS, PAGES, PHOTOS, PHOTOS_COLOUR = PACKED


def load_pretrained(name: str = LETTERS) -> Denoiser:
    """Loads a packed network; the command in its record trained it.

    Args:
      name: one of ``config.denoise_options.PACKED``.

    Raises:
      CheckpointError: if its files are missing or damaged.
      UsageError: if there is no network of that name.
    """
    check_known("network", name, PACKED)
    try:
        record = pretrained_record(name)
        content = (_FILES / f"{name}.npz").read_bytes()
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


def pretrained_record(name: str = LETTERS) -> dict[str, Any]:
    """Returns a packed network's record: experiment, digest, data and scores."""
    text = (_FILES / f"{name}.json").read_text(encoding="utf-8")
    record: dict[str, Any] = json.loads(text)
    return record


def pack(denoiser: Denoiser, name: str, folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes ``NAME.npz`` and ``NAME.json``.

    Args:
      denoiser: network to pack.
      name: its name in the package.
      folder: target folder.
      facts: further entries of the record: data and scores.
    """
    content = packed(denoiser.params)
    experiment = to_dict(denoiser.experiment)
    experiment["data"]["dataset"] = without_place(experiment["data"]["dataset"])
    record = {
        "format": FORMAT,
        "sha256": hashlib.sha256(content).hexdigest(),
        "experiment": experiment,
        "channels": denoiser.channels,
        "step": denoiser.step,
        **facts,
    }
    write_atomically(folder / f"{name}.npz", content)
    write_json(folder / f"{name}.json", record, indent=1)


def without_place(dataset: str) -> str:
    """Returns the name of a dataset, without the path of a folder; pairs keep their last folder."""
    kind, colon, place = dataset.partition(":")
    if kind == "pairs":
        folders = (Path(each) for each in place.split(","))
        return "pairs:" + ",".join(f"{each.parent.name}/{each.name}" for each in folders)
    return f"{kind}:{Path(place).name}" if colon else dataset
