"""Proof of an exported file: its results are compared with those of JAX."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.data.builders import read_open_letters
from aedenoise.errors import ExportError
from aedenoise.exports.forward import Source, find_sides, fixed_size
from aedenoise.exports.network import Network
from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.generator import ImageMaker
from aedenoise.ops.images import scale_numpy
from aedenoise.ops.noise import corrupt_batch, corruption

# Largest difference of a pixel in [0, 1] that rounding explains.
LIMIT = 1e-5
IMAGES, OTHERS = 64, 8
# A size that no stride divides.
_ODD = (37, 53)
# Part of the images that may differ where rounding decides between two nearly equal maxima.
_UNDECIDED = 1 / 8


@dataclass(frozen=True)
class Proof:
    """Comparison of a file with its network.

    Attributes:
      difference: largest difference of a pixel in [0, 1].
      compared: words that say what was compared.
    """

    difference: float
    compared: str


def prove(run: Callable[..., np.ndarray], network: Network) -> Proof:
    """Compares a file with JAX on noisy letters, or on latents.

    Args:
      run: the function of the file.
      network: the network, in the file's arithmetic.

    Raises:
      ExportError: if a pixel differs by more than ``LIMIT``.
    """
    source = network.source
    jax_run = call(source)
    undecided = 0
    largest, words = 0.0, []
    for arrays in example_inputs(network):
        expected, found = jax_run(*arrays), run(*arrays)
        if found.shape != expected.shape or not np.isfinite(found).all():
            raise ExportError(f"the file returns {found.shape} or no numbers; nothing is written")
        each = np.abs(found - expected).max(axis=(1, 2, 3))
        if source.experiment.model.decoder_spec.needs_argmax:
            # There a difference of one bit moves a value to another pixel.
            allowed = int(len(each) * _UNDECIDED)
            kept = np.sort(each)[: len(each) - min(allowed, int(np.sum(each > LIMIT)))]
            undecided += len(each) - len(kept)
            each = kept
        largest = max(largest, float(each.max()))
        words.append(_words(arrays[0], len(each)))
    if largest > LIMIT:
        raise ExportError(
            f"the file differs from JAX by {largest:.1e}, more than {LIMIT:g}; nothing is written"
        )
    rest = f" ({undecided} left out: equal maxima)" if undecided else ""
    return Proof(largest, f"{' and '.join(words)}{rest}")


def _words(array: np.ndarray, count: int) -> str:
    if array.ndim == 2:
        return f"{count} latents"
    return f"{count} images of {array.shape[1]} x {array.shape[2]}"


def call(source: Source) -> Callable[..., np.ndarray]:
    """Returns the network as the package runs it, as a function of the file's inputs."""
    if isinstance(source, ImageMaker):
        return source.of
    return lambda noisy, level=None: source(noisy, None if level is None else float(level[0]))


def example_inputs(network: Network) -> Iterator[tuple[np.ndarray, ...]]:
    """Yields the arguments of each comparison: noisy letters of the training size and of an odd
    one, or latents. Images of one call have one noise level, for networks that take it."""
    source = network.source
    if isinstance(source, ImageMaker):
        latents = jax.random.normal(jax.random.key(0), (IMAGES, source.latent_size))
        yield (np.asarray(latents),)
        return
    noise = source.experiment.noise
    levels = np.linspace(noise.level, noise.level_max or noise.level, 3, dtype=np.float32)
    for number, (count, size) in enumerate(_sizes(source, network.image_shape[:2])):
        images = noisy_letters(source, count, size)
        if source.experiment.model.condition == "noise_level":
            yield images, np.full(count, levels[1 + number], np.float32)
        else:
            yield (images,)


def _sizes(source: Denoiser, trained: tuple[int, int]) -> list[tuple[int, tuple[int, int]]]:
    only = fixed_size(source)
    if only is not None:
        return [(IMAGES, only)]
    sides = find_sides(source.experiment.model)
    least = sides.least if sides else 1
    # Above this side denoising pads further and cuts tiles.
    usual = [min(max(side, least), 64) for side in trained]
    odd = [max(side, least) for side in _ODD]
    return [(IMAGES, (usual[0], usual[1])), (OTHERS, (odd[0], odd[1]))]


def noisy_letters(source: Denoiser, count: int, size: tuple[int, int]) -> np.ndarray:
    """Makes noisy images of the network's channels, float32 ``[count, *size, C]``, filled with
    different letters."""
    letters = scale_numpy(read_open_letters("test")[0])
    side = letters.shape[1]
    rows, columns = (-(-length // side) for length in size)
    cells = np.random.default_rng(0).choice(
        letters, (count, rows, columns, source.channels), replace=True
    )
    # [N, rows, columns, C, y, x] to [N, rows y, columns x, C]
    whole = cells.transpose(0, 1, 4, 2, 5, 3).reshape(
        count, rows * side, columns * side, source.channels
    )
    clean = jnp.asarray(whole[:, : size[0], : size[1]])
    noise = corruption(source.experiment.noise)
    noisy = corrupt_batch(noise, jax.random.key(1), 0, jnp.arange(count), clean)
    return np.asarray(noisy.image)
