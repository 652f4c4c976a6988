"""Writing of a page that denoises, from denoisers or from the folders of runs."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import jax
import numpy as np

from aedenoise.data.builders import LETTERS, read_open_letters
from aedenoise.exports.forward import Source
from aedenoise.exports.page.layer import Shape
from aedenoise.exports.page.page_network import PageNetwork, page_network
from aedenoise.exports.page.render import render_page
from aedenoise.files import write_atomically
from aedenoise.inference.denoiser import load_denoiser
from aedenoise.training.workdir import Workdir

_IMAGES = 16
# Longest side of the letters: on a phone more places could not be drawn on.
_LONGEST = 128


def encode(denoiser: Source, image_shape: Shape) -> bytes:
    """Returns the page of one network.

    Args:
      denoiser: the network.
      image_shape: shape ``[H, W, C]`` of its training images.

    Raises:
      UsageError: if the page cannot carry the network.
    """
    return _encode([page_network(denoiser, image_shape)])


def write_denoising_page(
    workdirs: Sequence[str | PathLike[str]], path: str | PathLike[str]
) -> None:
    """Writes the page of the networks in one or several workdirs.

    Raises:
      CheckpointError: if there is no run or no readable checkpoint.
      UsageError: if a page cannot carry the networks.
    """
    write_atomically(Path(path), encode_runs(workdirs))


def encode_runs(workdirs: Sequence[str | PathLike[str]]) -> bytes:
    """Returns the page of the networks in one or several workdirs, under the folders' names; errors
    as in ``write_denoising_page``."""
    names = [Path(workdir).resolve().name for workdir in workdirs]
    networks = [
        page_network(load_denoiser(workdir), Workdir(Path(workdir)).image_shape, name)
        for workdir, name in zip(workdirs, names, strict=True)
    ]
    return _encode(networks)


def _encode(networks: Sequence[PageNetwork]) -> bytes:
    images, labels = letters(networks)
    return render_page(networks, images, labels).encode()


def letters(networks: Sequence[PageNetwork]) -> tuple[np.ndarray, list[str]]:
    """Returns test letters, uint8 ``[16, H, W, C]`` of the size of the networks' training images,
    and their names."""
    images, labels, _ = read_open_letters("test")
    # Evenly spaced, so that all ten letters occur.
    chosen = np.linspace(0, len(images) - 1, _IMAGES).astype(int)
    fixed = [each for each in networks if each.size]
    height, width, channels = (fixed or networks)[0].shape
    if not fixed:
        height, width = (min(side, _LONGEST) for side in (height, width))
    found = images[chosen].astype(np.float32)
    if found.shape[1:] != (height, width):
        found = np.asarray(jax.image.resize(found, (_IMAGES, height, width), "linear"))
    greys = np.clip(np.round(found), 0, 255).astype(np.uint8)[..., None]
    return np.repeat(greys, channels, axis=-1), [LETTERS[label] for label in labels[chosen]]
