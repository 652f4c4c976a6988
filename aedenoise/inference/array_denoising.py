"""Denoising of a picture that is an array, with the networks of the package."""

from __future__ import annotations

import re
import warnings
from functools import cache

import numpy as np

from aedenoise.config.denoise_options import INVERSIONS, NETWORKS
from aedenoise.config.validation import check_known
from aedenoise.inference.arrays import as_array, scaled
from aedenoise.inference.network_choice import PackedNetworks
from aedenoise.inference.treatment import treat

# Distance from the middle of the range, and the share of pixels that noise does not put there:
# noise of level 0.6 puts one in twenty there.
_FAR, _FAR_SHARE = 1.5, 0.1


def denoise(
    picture: np.ndarray, network: str = "auto", *, invert: str = "auto", keep_input: bool = True
) -> np.ndarray:
    """Denoises a picture with a network of the package, as the command ``denoise`` does.

    Args:
      picture: ``[H, W]`` or ``[H, W, C]``, grey or RGB, of any size; float in units of the [0, 1]
        range, uint8 or uint16.
      network: ``letters``, ``pages``, ``photos`` or ``photos_colour``; ``auto``: what the picture
        shows decides.
      invert: inverts dark on light for the network: ``yes``, ``no``, or ``auto``: where it was
        trained on light glyphs.
      keep_input: returns the picture itself where it has no noise to speak of, or where the result
        would certainly be worse; with a warning.

    Returns:
      Denoised picture float32 in [0, 1], with the shape of ``picture``; or the picture as float32.

    Raises:
      UsageError: if there is no such network or way to invert.
      ValueError: if shape, dtype or values are not supported.
    """
    check_known("network", network, NETWORKS)
    check_known("invert", invert, INVERSIONS)
    images = as_array(picture)
    if images.ndim not in (2, 3) or (images.ndim == 3 and images.shape[-1] not in (1, 3)):
        first = images.ndim == 3 and images.shape[0] in (1, 3)
        raise ValueError(
            f"picture must have shape [H, W], [H, W, 1] or [H, W, 3], not {images.shape}; "
            + ("pass np.moveaxis(picture, 0, -1)" if first else "pass one picture, without alpha")
        )
    pixels = np.atleast_3d(scaled(images, stacklevel=3))
    far = np.mean(np.abs(pixels - 0.5) > _FAR)
    if far > _FAR_SHARE:
        raise ValueError(
            f"{far:.0%} of the pixels are far outside the [0, 1] range; divide by the brightness "
            f"of white (got {images.min():.3g} to {images.max():.3g})"
        )
    result = treat(pixels, _networks(), network=network, invert=invert, keep_input=keep_input)
    for doubt in result.doubts:
        warnings.warn(f"the picture {_as_python(doubt.one)}", stacklevel=2)
    return result.pixels.reshape(images.shape)


@cache
def _networks() -> PackedNetworks:
    """Returns the packed networks of this process, each loaded when it is first needed."""
    return PackedNetworks()


def _as_python(text: str) -> str:
    """Turns flags in a message into arguments: ``--nokeep_input`` into ``keep_input=False``."""
    text = text.replace("--nokeep_input", "keep_input=False")
    return re.sub(r"--(\w+)=([\w:,]+)", r'\1="\2"', text)
