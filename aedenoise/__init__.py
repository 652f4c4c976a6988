"""Upsample or transposed convolution? Convolutional denoising autoencoders in JAX and Flax.

``denoise`` denoises a picture with a network of the package. ``train``, ``evaluate`` and
``calibrate`` carry out one run; ``load`` and ``load_generator`` turn a run into a function on
images, and ``export`` into a file for other programs; ``diagnose`` looks for checkerboards in any
model; ``aedenoise.config.Experiment`` describes a run. Importing the package imports nothing heavy:
the functions import what they need when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    import flax.linen as nn

    from aedenoise.config import Experiment
    from aedenoise.exports.api import export
    from aedenoise.exports.grids.api import diagnose
    from aedenoise.inference.array_denoising import denoise
    from aedenoise.inference.denoiser import Denoiser
    from aedenoise.inference.generator import ImageMaker
    from aedenoise.runs.interface import TrainedRun, calibrate, evaluate, train

__version__ = "0.2.0"
__all__ = [
    "Experiment",
    "TrainedRun",
    "calibrate",
    "denoise",
    "diagnose",
    "evaluate",
    "export",
    "load",
    "load_generator",
    "train",
]

_LAZY = {
    "Experiment": "aedenoise.config",
    "TrainedRun": "aedenoise.runs.interface",
    "calibrate": "aedenoise.runs.interface",
    "denoise": "aedenoise.inference.array_denoising",
    "diagnose": "aedenoise.exports.grids.api",
    "evaluate": "aedenoise.runs.interface",
    "export": "aedenoise.exports.api",
    "train": "aedenoise.runs.interface",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load(
    workdir: str | PathLike[str] | None = None,
    checkpoint: str | int = "newest",
    *,
    checkpoint_dir: str | None = None,
    model: nn.Module | None = None,
    decoder: nn.Module | None = None,
    network: str | None = None,
) -> Denoiser:
    """Loads a trained network as a function on images: ``denoise(noisy) -> denoised``.

    Args:
      workdir: folder of a run, or a safetensors file; None: a network of the package.
      checkpoint: of the run: ``newest``, ``best`` (by test PSNR) or a step.
      checkpoint_dir: folder of its checkpoints; None: the one that the workdir knows.
      model, decoder: the linen module of your own that the run was trained with.
      network: name of a network of the package: ``letters`` (the default), ``pages``, ``photos`` or
        ``photos_colour``.

    Raises:
      CheckpointError: if there is no run or no readable checkpoint, or its model is another.
      UsageError: if the package has no such network, ``workdir`` is the name of one, or both are
        given.
    """
    if workdir is None:
        from aedenoise.inference.pretrained import load_pretrained

        return load_pretrained("letters" if network is None else network)
    from pathlib import Path

    from aedenoise.config.denoise_options import PACKED
    from aedenoise.errors import UsageError
    from aedenoise.exports.sources import load_denoiser_from
    from aedenoise.training.components import Components

    if network is not None:
        raise UsageError(f"give {workdir} or network={network!r}, not both")
    if str(workdir) in PACKED and not Path(workdir).exists():
        raise UsageError(
            f"{workdir} is a network of the package: write load(network={str(workdir)!r})"
        )
    components = Components(model=model, decoder=decoder)
    return load_denoiser_from(workdir, str(checkpoint), components, checkpoint_dir)


def load_generator(
    workdir: str | PathLike[str],
    checkpoint: str | int = "newest",
    *,
    checkpoint_dir: str | None = None,
) -> ImageMaker:
    """Loads the generator of a GAN as a function: ``make(count, seed) -> images``.

    Args:
      workdir: folder of a run, or a safetensors file.
      checkpoint: ``newest``, ``best`` (by Frechet distance) or a step.
      checkpoint_dir: folder of its checkpoints; None: the one that the workdir knows.

    Raises:
      CheckpointError: if there is no run or no readable checkpoint.
      UsageError: if the run is no GAN's.
    """
    from aedenoise.exports.sources import load_generator_from

    return load_generator_from(workdir, str(checkpoint), checkpoint_dir)
