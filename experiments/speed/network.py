"""The network that every system is timed on, and the cost of one image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.config import ModelConfig
from aedenoise.models import build_autoencoder
from aedenoise.models.autoencoder import predict
from aedenoise.ops.images import scale
from aedenoise.ops.noise import Noisy

DECODERS = ("upsample", "transpose")
CHECKED = 512  # images whose output is written for others to compare with

# Forward multiply-adds per image, as the kernels do them: (pixels, products per pixel). A nearest
# upsampling and its convolution take 16 products per low-resolution pixel, not 36.
_ENCODER = ((28 * 28, 9 * 32), (14 * 14, 9 * 32 * 32))
_DECODER = {
    "upsample": ((7 * 7, 9 * 32 * 32), (7 * 7, 16 * 32 * 32), (14 * 14, 16 * 32)),
    "transpose": ((7 * 7, 9 * 32 * 32), (14 * 14, 9 * 32 * 32), (28 * 28, 9 * 32)),
}
# Values per image that go from one layer to the next: image, after each pool, between stages.
_VALUES = {
    "upsample": (784, 14 * 14 * 32, 7 * 7 * 32, 7 * 7 * 32, 14 * 14 * 32, 784),
    "transpose": (784, 14 * 14 * 32, 7 * 7 * 32, 14 * 14 * 32, 28 * 28 * 32, 784),
}


def training_operations(decoder: str) -> int:
    """Counts floating-point operations of a training step per image: forward, weight gradients, and
    input gradients of all layers but the first."""
    layers = [pixels * products for pixels, products in _ENCODER + _DECODER[decoder]]
    return 2 * (3 * sum(layers) - layers[0])


def inference_operations(decoder: str) -> int:
    """Counts floating-point operations of a forward pass per image."""
    return 2 * sum(pixels * products for pixels, products in _ENCODER + _DECODER[decoder])


def training_bytes(decoder: str) -> int:
    """Counts bytes moved per image in a training step if every layer boundary is an array: written
    and read forward, read again for the weight gradient, its gradient written and read twice."""
    return 4 * 6 * sum(_VALUES[decoder])


def write_inputs(images: np.ndarray, folder: Path) -> None:
    """Writes ``images.npy`` (uint8), and each decoder's weights and output on the first images."""
    np.save(folder / "images.npy", images)
    clean = scale(jax.numpy.asarray(images[:CHECKED]))
    for decoder in DECODERS:
        model = build_autoencoder(ModelConfig(decoder=decoder))
        params = model.init(jax.random.key(0), clean[:1])["params"]
        flat = jax.tree_util.tree_leaves_with_path(params)
        names: dict[str, Any] = {
            "/".join(key.key for key in path): np.asarray(leaf) for path, leaf in flat
        }
        np.savez(folder / f"{decoder}.npz", **names)
        np.save(
            folder / f"{decoder}_output.npy",
            predict(model, params, Noisy(clean, jnp.zeros(len(clean)))),
        )


def nested(flat: dict[str, np.ndarray]) -> dict[str, Any]:
    """Returns the parameters of ``write_inputs`` as a tree."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *parts, leaf = name.split("/")
        place = tree
        for part in parts:
            place = place.setdefault(part, {})
        place[leaf] = value
    return tree
