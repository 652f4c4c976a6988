"""Networks to export, from a run, a safetensors file, the package, or Python."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

import flax.linen as nn

from aedenoise.config.decoders import is_class_name
from aedenoise.config.validation import local_path
from aedenoise.errors import UsageError
from aedenoise.exports.facts import NO_LICENCE, PACKED_LICENCE, describe
from aedenoise.exports.formats import is_file_of_network
from aedenoise.exports.forward import Source, fixed_size
from aedenoise.exports.network import Network
from aedenoise.exports.safetensors import read_network
from aedenoise.inference.denoiser import Denoiser, load_denoiser
from aedenoise.inference.generator import ImageMaker, load_generator
from aedenoise.inference.pretrained import LETTERS, load_pretrained, pretrained_record
from aedenoise.models import Autoencoder, ImageModel
from aedenoise.training.components import NO_COMPONENTS, Components, describe_part
from aedenoise.training.run_files import read_json, well_formed
from aedenoise.training.workdir import Workdir

Place = str | PathLike[str]
# Side of images for networks that take many sizes, where that of the training is unknown.
_SIDE = 28


def find_network(
    source: Place | Denoiser | ImageMaker | None,
    checkpoint: str = "newest",
    components: Components = NO_COMPONENTS,
    checkpoint_dir: str | None = None,
    packed: str | None = None,
) -> Network:
    """Finds the network to export.

    Args:
      source: folder of a run, or a safetensors file; None: a packed network; or a network.
      checkpoint: of the run: ``newest``, ``best`` or a step.
      components: user-defined model or decoder that the run was trained with.
      checkpoint_dir: folder of the run's checkpoints; None: the one that the workdir knows.
      packed: name of the packed network; None: ``letters``.

    Raises:
      CheckpointError: if there is no run, no readable checkpoint, or no intact file.
      UsageError: if a checkpoint of a file is asked for, there is no such packed network, or one is
        named although there is a source.
    """
    if source is None:
        return _packed(packed or LETTERS)
    if packed is not None:
        raise UsageError(f"give a run or the packed network {packed}, not both")
    if isinstance(source, Denoiser | ImageMaker):
        return Network(source, describe(source, NO_LICENCE, {}), _shape(source), _parts(source))
    path = local_path("workdir", source)
    if is_file_of_network(path):
        if checkpoint != "newest" or checkpoint_dir is not None:
            raise UsageError(f"{path} holds one network; --checkpoint is for the folder of a run")
        return read_network(path, components)
    return _from_run(Workdir(path), checkpoint, components, checkpoint_dir)


def load_denoiser_from(
    source: Place,
    checkpoint: str = "newest",
    components: Components = NO_COMPONENTS,
    checkpoint_dir: str | None = None,
) -> Denoiser:
    """Loads a denoiser from the folder of a run or a safetensors file; arguments and errors as in
    ``find_network``."""
    path = local_path("workdir", source)
    if not is_file_of_network(path):
        return load_denoiser(source, checkpoint, components, checkpoint_dir)
    found = find_network(path, checkpoint, components, checkpoint_dir).source
    if not isinstance(found, Denoiser):
        raise UsageError(
            f"{path} holds a GAN, which cannot denoise; use aedenoise.load_generator()"
        )
    return found


def load_generator_from(
    source: Place, checkpoint: str = "newest", checkpoint_dir: str | None = None
) -> ImageMaker:
    """Loads a generator from the folder of a run or a safetensors file; arguments and errors as in
    ``find_network``."""
    path = local_path("workdir", source)
    if not is_file_of_network(path):
        return load_generator(source, checkpoint, checkpoint_dir)
    found = find_network(path, checkpoint, checkpoint_dir=checkpoint_dir).source
    if not isinstance(found, ImageMaker):
        raise UsageError(
            f"{path} holds a denoiser, which cannot generate images; use aedenoise.load"
        )
    return found


def _packed(name: str) -> Network:
    source, record = load_pretrained(name), pretrained_record(name)
    psnr = {_condition(score): score["psnr"] for score in record["scores"]}
    height, width, channels = record["dataset"]["image_shape"]
    facts = describe(source, PACKED_LICENCE, psnr)
    return Network(source, facts, (height, width, channels))


def _condition(score: Mapping[str, Any]) -> str:
    """Returns the condition of a packed network's score."""
    # Pairs have no level: their noise is their own.
    level = score["noise_level"]
    dataset = str(score["dataset"])
    return f"{dataset}, gaussian {level:g}" if level else dataset


def _from_run(
    folder: Workdir, checkpoint: str, components: Components, checkpoint_dir: str | None
) -> Network:
    experiment = folder.read_experiment()
    source: Source
    if experiment.model.network == "gan":
        source = load_generator(folder.path, checkpoint, checkpoint_dir)
    else:
        source = load_denoiser(folder.path, checkpoint, components, checkpoint_dir)
    facts = describe(source, NO_LICENCE, _measured(folder, source))
    return Network(source, facts, folder.image_shape, folder.read_parts())


def _measured(folder: Workdir, source: Source) -> dict[str, float]:
    """Returns the PSNR of a finished run, if ``source`` is its last state."""
    if not isinstance(source, Denoiser) or not folder.results.is_file():
        return {}
    results: dict[str, Any] = read_json(folder.results)
    with well_formed(folder.results):
        # A run on noisy pictures has an estimate, which is no measurement.
        if results["train"]["steps"] != source.step or "eval" not in results:
            return {}
        data, noise = source.experiment.data.dataset, source.experiment.noise.label
        return {f"{data}, {noise}": round(float(results["eval"]["psnr"]), 2)}


def _shape(source: Source) -> tuple[int, int, int]:
    if isinstance(source, ImageMaker):
        return source.image_shape
    side = source.experiment.model.fitting(_SIDE) or _SIDE
    return (*(fixed_size(source) or (side, side)), source.channels)


def _parts(source: Source) -> dict[str, str]:
    """Returns the names of user-defined parts, as a run records them."""
    model = source.model
    if isinstance(model, ImageModel):
        return {"model": describe_part(model.network)}
    # The experiment names a decoder as module:Class itself.
    if not isinstance(model, Autoencoder) or is_class_name(source.experiment.model.decoder):
        return {}
    if _is_foreign(model.encoder):
        return {"model": describe_part(model)}
    return {"decoder": describe_part(model.decoder)} if _is_foreign(model.decoder) else {}


def _is_foreign(module: nn.Module) -> bool:
    return not type(module).__module__.startswith("aedenoise.")
