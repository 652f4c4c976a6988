"""The Python interface: ``aedenoise.export``."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import flax.linen as nn

    from aedenoise.exports.exporting import Exported
    from aedenoise.inference.denoiser import Denoiser
    from aedenoise.inference.generator import ImageMaker


def export(
    source: str | PathLike[str] | Denoiser | ImageMaker | None,
    format: str,
    path: str | PathLike[str],
    *,
    checkpoint: str | int = "newest",
    checkpoint_dir: str | None = None,
    overwrite: bool = False,
    network: str | None = None,
    model: nn.Module | None = None,
    decoder: nn.Module | None = None,
) -> Exported:
    """Writes a trained network to a file for other programs, checked against JAX.

    Args:
      source: folder of a run, a safetensors file, or the result of ``load`` or ``load_generator``;
        None: a network of the package.
      format: ``onnx``, ``stablehlo``, ``safetensors`` or ``html``, a page that denoises.
      path: file to write, with the format's suffix.
      checkpoint: of the run: ``newest``, ``best`` or a step.
      checkpoint_dir: folder of its checkpoints; None: the one that the workdir knows.
      overwrite: replaces an existing file.
      network: name of the network of the package: ``letters`` (the default), ``pages``, ``photos``
        or ``photos_colour``.
      model, decoder: the linen module of your own that the run was trained with.

    Returns:
      The file, with the largest difference of its results from those of JAX.

    Raises:
      CheckpointError: if there is no run, or no readable checkpoint or file.
      ExportError: if the file's results differ from JAX's; nothing is written then.
      StorageError: if the file exists, or cannot be written.
      UsageError: if an option or a name is wrong, a package is missing, or the format does not fit
        the network.
    """
    from aedenoise.config.validation import local_path
    from aedenoise.exports.options import ExportOptions

    options = ExportOptions(format=format, target=local_path("path", path), overwrite=overwrite)
    from aedenoise.exports.exporting import export_network
    from aedenoise.exports.sources import find_network
    from aedenoise.training.components import Components

    components = Components(model=model, decoder=decoder)
    found = find_network(source, str(checkpoint), components, checkpoint_dir, network)
    return export_network(found, options)
