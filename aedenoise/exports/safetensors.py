"""Parameters and configuration in one safetensors file, and networks restored from it.

The format is 8 bytes with the length of a JSON header, the header, and the arrays. The header holds
name, type, shape and place of each array, and texts by name. Reading runs no code of the file.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from aedenoise.config import Experiment, from_dict
from aedenoise.errors import CheckpointError
from aedenoise.exports.check import call
from aedenoise.exports.network import Network
from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.generator import ImageMaker
from aedenoise.models import ImageModel, abstract_params, build_generator
from aedenoise.training.components import NO_COMPONENTS, Components
from aedenoise.training.digests import host_leaves, named_leaves, params_digest

_FORMAT = "1"
_DIGEST = "metadata_sha256"
_LENGTH = 8
# Longest header that readers of the format accept.
_LONGEST = 100_000_000
_TYPES = {"F32": np.dtype("<f4")}
# What values of another type or range raise.
_MALFORMED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def encode(network: Network) -> bytes:
    """Returns the file of a network."""
    leaves = host_leaves(network.source.params)
    header: dict[str, Any] = {"__metadata__": _metadata(network)}
    start = 0
    for name, leaf in leaves.items():
        end = start + 4 * leaf.size
        header[name] = {"dtype": "F32", "shape": leaf.shape, "data_offsets": [start, end]}
        start = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH)  # arrays begin at a multiple of 8 bytes
    arrays = [np.ascontiguousarray(leaf, "<f4").tobytes() for leaf in leaves.values()]
    return b"".join([len(text).to_bytes(_LENGTH, "little"), text, *arrays])


def _metadata(network: Network) -> dict[str, str]:
    metadata = {
        **network.facts,
        "format": "flax",
        "aedenoise_format": _FORMAT,
        "image_shape": json.dumps(network.image_shape),
        "parts": json.dumps(dict(network.parts)),
    }
    return {**metadata, _DIGEST: _digest(metadata)}


def _digest(metadata: Mapping[str, str]) -> str:
    """Computes the SHA-256 digest of all texts but itself."""
    rest = sorted((name, text) for name, text in metadata.items() if name != _DIGEST)
    return hashlib.sha256(json.dumps(rest).encode()).hexdigest()


def decode(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Reads arrays by name, and metadata.

    Raises:
      ValueError: if ``content`` is no such file, or one of other types than float32.
    """
    length = int.from_bytes(content[:_LENGTH], "little")
    if len(content) < _LENGTH or length > min(_LONGEST, len(content) - _LENGTH):
        raise ValueError("it is cut short or of another format")
    try:
        header = json.loads(content[_LENGTH : _LENGTH + length])
        metadata = header.pop("__metadata__", {})
        if not all(isinstance(text, str) for text in metadata.values()):
            raise TypeError
        places = [_place(name, each) for name, each in header.items()]
    except _MALFORMED as error:
        raise ValueError("its header is damaged") from error
    body = memoryview(content)[_LENGTH + length :]
    arrays, end = {}, 0
    # Arrays lie one after the other: a gap could hide anything.
    for start, stop, name, kind, shape in sorted(places, key=lambda place: place[:2]):
        if start != end or stop - start != math.prod(shape) * kind.itemsize or min((*shape, 0)) < 0:
            raise ValueError(f"the place of {name} is wrong")
        if stop > len(body):
            raise ValueError("it is cut short")
        arrays[name] = np.frombuffer(body[start:stop], kind).reshape(shape)
        end = stop
    if end != len(body):
        raise ValueError("it has data after its arrays")
    return arrays, metadata


def _place(name: str, entry: Any) -> tuple[int, int, str, np.dtype[Any], tuple[int, ...]]:
    """Reads one entry of the header: start, end, name, type and shape of an array."""
    start, stop = map(int, entry["data_offsets"])
    return start, stop, name, _TYPES[entry["dtype"]], tuple(map(int, entry["shape"]))


def read_network(path: Path, components: Components = NO_COMPONENTS) -> Network:
    """Reads the network of a file.

    Args:
      path: the file.
      components: user-defined model or decoder, if the network has one.

    Raises:
      CheckpointError: if the file is missing, damaged, or of another program.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    return parse_network(content, str(path), components)


def parse_network(content: bytes, place: str, components: Components = NO_COMPONENTS) -> Network:
    """Restores the network of a file's content; arguments and errors as in ``read_network``."""
    try:
        arrays, metadata = decode(content)
    except ValueError as error:
        raise CheckpointError(f"{place} is no intact safetensors file: {error}") from error
    if metadata.get("aedenoise_format") != _FORMAT:
        raise CheckpointError(f"{place} was not written by this package: no aedenoise_format 1")
    if metadata.get(_DIGEST) != _digest(metadata):
        raise CheckpointError(f"the metadata of {place} is damaged or changed; export it again")
    try:
        experiment = from_dict(json.loads(metadata["experiment"]))
        shape = json.loads(metadata["image_shape"])
        parts = {str(name): str(part) for name, part in json.loads(metadata["parts"]).items()}
        height, width, channels = map(int, shape)
        step = int(metadata["step"])
    except (CheckpointError, *_MALFORMED) as error:
        raise CheckpointError(f"the metadata of {place} is damaged; export it again") from error
    components.check_recorded(parts, place)
    image_shape = (height, width, channels)
    source = _build(experiment, image_shape, step, arrays, place, components)
    if params_digest(source.params) != metadata.get("parameters_sha256"):
        raise CheckpointError(f"parameters in {place} are damaged: another digest; export it again")
    own = ("image_shape", "parts", "format", "aedenoise_format", _DIGEST)
    facts = {name: text for name, text in metadata.items() if name not in own}
    return Network(source, facts, image_shape, parts)


def load(content: bytes, network: Network) -> Callable[..., np.ndarray]:
    """Returns the function of a file of ``network``, whose user-defined parts are used again."""
    model: Any = network.source.model
    if "decoder" in network.parts:
        components = Components(decoder=model.decoder)
    elif network.parts:
        components = Components(model=model.network if isinstance(model, ImageModel) else model)
    else:
        components = NO_COMPONENTS
    return call(parse_network(content, "the file", components).source)


def _build(
    experiment: Experiment,
    image_shape: tuple[int, int, int],
    step: int,
    arrays: Mapping[str, np.ndarray],
    place: str,
    components: Components,
) -> Denoiser | ImageMaker:
    config, (*size, channels) = experiment.model, image_shape
    model: Any
    if config.network == "gan":
        model = build_generator(config, image_shape)
        like = abstract_params(model, jnp.zeros((1, config.latent_size)))
        return ImageMaker(experiment, model, _tree(arrays, like, place), step, image_shape)
    height, width = size
    model = components.build_model(config, channels, lowering="auto", size=(height, width))
    like = abstract_params(model, jnp.zeros((1, *image_shape)), jnp.zeros(1))
    return Denoiser(
        model,
        _tree(arrays, like, place),
        experiment=experiment,
        channels=channels,
        step=step,
        size=None if config.any_size else (height, width),
        own_parts=components.network is not None,
    )


def _tree(arrays: Mapping[str, np.ndarray], like: Any, place: str) -> dict[str, Any]:
    """Arranges arrays as the parameters of a network.

    Raises:
      CheckpointError: if names or shapes are not those of ``like``.
    """
    expected = {name: leaf.shape for name, leaf in named_leaves(like).items()}
    found = {name: array.shape for name, array in arrays.items()}
    if expected != found:
        wrong = min(name for name in {*expected, *found} if expected.get(name) != found.get(name))
        raise CheckpointError(f"{place} does not fit its own configuration: see {wrong}")
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *folders, leaf = name.split("/")
        inner = tree
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[leaf] = jnp.asarray(array)
    return tree
