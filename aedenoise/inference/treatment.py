"""Treatment of one picture: choice of its network, inversion, denoising, and judgement."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aedenoise.data.file_notes import Note
from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.network_choice import Network, PackedNetworks
from aedenoise.inference.suitability import choose_inversion, judge


class Choice(NamedTuple):
    """Treatment of a picture: its network, whether it is inverted for that, and whether it is kept
    instead of the result."""

    network: Network
    invert: bool
    keep: bool


class Treated(NamedTuple):
    """Pixels ``[H, W, C]`` of a result, its treatment, doubts about it, and half-widths
    ``[H, W, C]`` if they are wanted and the network made the result."""

    pixels: np.ndarray
    choice: Choice
    doubts: list[Note]
    half_width: np.ndarray | None = None


def treat(
    pixels: np.ndarray,
    networks: Denoiser | PackedNetworks,
    *,
    network: str = "auto",
    invert: str = "auto",
    keep_input: bool = True,
    level: float | None = None,
    uncertainty: bool = False,
    earlier: Choice | None = None,
) -> Treated:
    """Denoises a picture, or keeps it where that is certainly better.

    Args:
      pixels: ``[H, W, C]`` in units of the [0, 1] range, which noise may exceed.
      networks: the network, or the packed ones.
      network: name of a packed network, or ``auto``: what the picture shows decides.
      invert: ``auto``, ``yes`` or ``no``.
      keep_input: allows to keep the picture.
      level: noise level, for a network that takes it.
      uncertainty: computes half-widths.
      earlier: treatment of an earlier frame, which holds for this one; no doubts are returned then.
    """
    inside = _inside(pixels)
    chosen = earlier.network if earlier else _choose(networks, inside, network)
    denoiser = chosen.denoiser
    # Values beyond the range are noise, which the training clips unless told not to.
    seen = inside if denoiser.experiment.noise.clip else pixels
    inverted = earlier.invert if earlier else choose_inversion(seen, denoiser, invert)
    if earlier and earlier.keep:
        return Treated(pixels, earlier, [])
    seen = 1.0 - seen if inverted else seen
    clean = denoiser(seen[None], level)[0]
    keep = False
    doubts: list[Note] = []
    if earlier is None:
        suits = isinstance(networks, PackedNetworks) and network == "auto"
        keep, doubts = judge(seen, clean, denoiser, keep=keep_input, suits=suits)
    choice = Choice(chosen, inverted, keep)
    if keep:
        return Treated(pixels, choice, doubts)
    half_width = denoiser.half_width(seen[None], clean[None])[0] if uncertainty else None
    return Treated(1.0 - clean if inverted else clean, choice, doubts, half_width)


def _choose(networks: Denoiser | PackedNetworks, pixels: np.ndarray, name: str) -> Network:
    if isinstance(networks, Denoiser):
        return Network(networks)
    return networks.choose(pixels) if name == "auto" else networks.load(name)


def _inside(pixels: np.ndarray) -> np.ndarray:
    """Clips pixels to [0, 1]; most pictures are inside and are not copied, for memory."""
    if pixels.min() >= 0.0 and pixels.max() <= 1.0:
        return pixels
    clipped: np.ndarray = np.clip(pixels, 0.0, 1.0)
    return clipped
