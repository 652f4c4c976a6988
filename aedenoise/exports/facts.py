"""Facts about a network, which travel with its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aedenoise import __version__
from aedenoise.config import to_dict
from aedenoise.exports.forward import Source, find_sides
from aedenoise.inference.denoiser import Denoiser
from aedenoise.training.digests import params_digest

# Licence of the packed network; that of others is their owner's to choose.
PACKED_LICENCE = "Apache-2.0"
NO_LICENCE = "not stated"


def describe(source: Source, licence: str, psnr: Mapping[str, float]) -> dict[str, str]:
    """Describes a network in texts by name, as metadata of files need it.

    Args:
      source: the network.
      licence: its licence.
      psnr: measured PSNR in dB by condition; empty if unknown.
    """
    experiment = source.experiment
    model, noise = experiment.model, experiment.noise
    facts: dict[str, Any] = {
        "aedenoise_version": __version__,
        "task": "denoise" if isinstance(source, Denoiser) else "generate",
        "model": model.network,
        "decoder": model.decoder if model.network in ("conv", "gan") else "",
        "dataset": experiment.data.dataset,
        "noise": noise.kind if isinstance(source, Denoiser) else "",
        "noise_level": noise.label.partition(" ")[2] if isinstance(source, Denoiser) else "",
        "step": str(source.step),
        "range": "0 to 1",
        "layout": "NHWC",
        "unit": _unit(source),
        "licence": licence,
        "parameters_sha256": params_digest(source.params),
        "experiment": json.dumps(to_dict(experiment)),
    }
    if psnr:
        facts["psnr_db"] = json.dumps(dict(psnr))
    return {name: text for name, text in facts.items() if text}


def _unit(source: Source) -> str:
    """Returns the multiple to which the file pads the sides of images; empty if there is none."""
    sides = find_sides(source.experiment.model) if isinstance(source, Denoiser) else None
    return str(sides.step) if sides and source.experiment.model.any_size else ""
