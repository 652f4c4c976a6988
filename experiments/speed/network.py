"""The network that every system is timed on, and the cost of one image."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

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


class Layer(NamedTuple):
    """A layer, and its products per output pixel and pair of channels: directly (a nearest
    upsampling and its convolution take 4 of 9), and by a minimal filtering algorithm."""

    side: int  # of the output, in pixels
    direct: float
    minimal: float
    inputs: int | None = None  # channels; None for the width of the network
    outputs: int | None = None

    def products(self, width: int, *, savings: bool) -> float:
        """Counts multiply-adds of one image, forward."""
        channels = (self.inputs or width) * (self.outputs or width)
        return self.side**2 * channels * (self.minimal if savings else self.direct)


# Winograd's F(2, 3) on tiles of 2 x 2 takes 16 products for 4 pixels, F(2, 3) merged with nearest
# upsampling 9, F(2, 2) in a transposed convolution 25 for 16; see aedenoise/ops/minimal_conv.py.
_ENCODER = (Layer(28, 9, 9, inputs=1), Layer(14, 9, 4))
_DECODER = {
    "upsample": (Layer(7, 9, 4 * 64 / 49), Layer(14, 4, 9 / 4), Layer(28, 4, 4, outputs=1)),
    "transpose": (Layer(14, 9 / 4, 9 / 4), Layer(28, 9 / 4, 25 / 16), Layer(28, 9, 9, outputs=1)),
}
# Passes over a layer boundary that is an array: written and read forward, read again for the weight
# gradient, its gradient written and read twice.
_PASSES = 6
# Passes over the pixels between layers, at the width of the network, besides both images. Between
# the last layers of the transposed network they are written and read once (ops/tailed_conv.py).
_PIXELS = {
    "upsample": _PASSES * (14 * 14 + 7 * 7 + 7 * 7 + 14 * 14),
    "transpose": _PASSES * (14 * 14 + 7 * 7 + 14 * 14) + 2 * 28 * 28,
}


def training_operations(decoder: str, width: int, *, savings: bool) -> float:
    """Counts floating-point operations of a training step per image: forward, weight gradients, and
    input gradients of all layers but the first. ``savings``: with minimal filtering algorithms,
    their transforms left out."""
    layers = [layer.products(width, savings=savings) for layer in _ENCODER + _DECODER[decoder]]
    return 2 * (3 * sum(layers) - layers[0])


def inference_operations(decoder: str, width: int, *, savings: bool) -> float:
    """Counts floating-point operations of a forward pass per image."""
    layers = _ENCODER + _DECODER[decoder]
    return 2 * sum(layer.products(width, savings=savings) for layer in layers)


def training_bytes(decoder: str, width: int) -> int:
    """Counts bytes moved per image in a training step."""
    return 4 * (_PASSES * 2 * 28 * 28 + _PIXELS[decoder] * width)


def config(decoder: str, width: int) -> ModelConfig:
    """Returns the network that every system is timed on."""
    widths = (width, width)
    return ModelConfig(decoder=decoder, encoder_features=widths, decoder_features=widths)


def write_inputs(images: np.ndarray, folder: Path, width: int) -> None:
    """Writes ``images.npy`` (uint8), and each decoder's weights and output on the first images."""
    np.save(folder / "images.npy", images)
    clean = scale(jax.numpy.asarray(images[:CHECKED]))
    for decoder in DECODERS:
        model = build_autoencoder(config(decoder, width))
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
