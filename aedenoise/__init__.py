"""Upsample or transposed convolution? Convolutional denoising autoencoders in JAX and Flax.

Importing the package imports nothing heavy; the rooms are imported where they are used:
``aedenoise.config`` describes a run, ``aedenoise.modes`` carries it out, and ``aedenoise.load``
turns a finished run into a function on images (``load_generator``, into one that makes them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from aedenoise.inference.denoiser import Denoiser
    from aedenoise.inference.generator import ImageMaker

__version__ = "0.2.0"


def load(run: str | PathLike[str] | None = None, checkpoint: str = "newest") -> Denoiser:
    """A trained network as a function on images: ``denoise(noisy) -> denoised``.

    Args:
      run: the folder of a run; None: the network that comes with the package.
      checkpoint: of the run: ``newest``, ``best`` (by test PSNR) or a step.

    Raises:
      CheckpointError: if there is no run or no readable checkpoint.
    """
    if run is None:
        from aedenoise.inference.pretrained import load_pretrained

        return load_pretrained()
    from aedenoise.inference.denoiser import load_denoiser

    return load_denoiser(run, checkpoint)


def load_generator(run: str | PathLike[str], checkpoint: str = "newest") -> ImageMaker:
    """The generator of a GAN as a function: ``make(count, seed) -> images``.

    Args:
      run: the folder of a run.
      checkpoint: ``newest``, ``best`` (by Frechet distance) or a step.

    Raises:
      CheckpointError: if there is no run or no readable checkpoint.
      UsageError: if the run is no GAN's.
    """
    from aedenoise.inference import generator

    return generator.load_generator(run, checkpoint)
