"""What a page holds of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.config import NoiseConfig
from aedenoise.errors import UsageError
from aedenoise.evaluation.checkerboard import constant_response
from aedenoise.exports.forward import Source
from aedenoise.exports.page.layer import Layer, Shape
from aedenoise.exports.page.layers import list_layers
from aedenoise.inference.denoiser import Denoiser
from aedenoise.models import Autoencoder
from aedenoise.ops.noise import Noisy
from aedenoise.training.task import run_keys

# Networks whose code has no places: a constant code shows no grid.
_WITHOUT_PLACES = ("mlp", "keras_2018")
_CHANNELS = (1, 3)


@dataclass(frozen=True)
class PageNetwork:
    """A denoiser for a page.

    Attributes:
      name: heading.
      shape: shape ``[H, W, C]`` of the training images.
      layers: its operations.
      encoder: number of those that make the code.
      first, step: sides of images are ``first`` plus a multiple of ``step``.
      size: height and width, if it takes no others.
      noise: noise of its training.
      conditioned: whether it is told the noise level.
      untrained: response of the initial parameters to a constant code, ``[H, W, C]``, or None.
      facts: further lines of the page's table.
    """

    name: str
    shape: Shape
    layers: tuple[Layer, ...]
    encoder: int
    first: int
    step: int
    size: tuple[int, int] | None
    noise: NoiseConfig
    conditioned: bool
    untrained: np.ndarray | None
    facts: Mapping[str, str] = field(default_factory=dict)


def page_network(denoiser: Source, image_shape: Shape, name: str = "") -> PageNetwork:
    """Makes the page's form of a denoiser.

    Args:
      denoiser: the network.
      image_shape: shape ``[H, W, C]`` of its training images.
      name: heading; empty: decoder or model.

    Raises:
      UsageError: if the page cannot carry the network.
    """
    denoiser = _checked(denoiser)
    experiment = denoiser.experiment
    model = experiment.model
    layers, encoder = list_layers(model, denoiser.params, image_shape)
    first = model.fitting(1) or 1
    second = model.fitting(first + 1)
    only = image_shape[:2] if denoiser.size or second is None else None
    count = sum(leaf.size for leaf in jax.tree.leaves(denoiser.params))
    return PageNetwork(
        name=name or (model.decoder if model.network == "conv" else model.network),
        shape=image_shape,
        layers=layers,
        encoder=encoder,
        first=first,
        step=second - first if second else 1,
        size=only,
        noise=experiment.noise,
        conditioned=model.condition == "noise_level",
        untrained=_untrained(denoiser, image_shape),
        facts={
            "trained on": experiment.data.dataset,
            "noise": str(experiment.noise),
            "parameters": f"{count:,}",
            "updates": f"{denoiser.step:,}",
        },
    )


def _checked(denoiser: Source) -> Denoiser:
    if not isinstance(denoiser, Denoiser):
        raise UsageError("a page that denoises needs a denoiser, not a GAN")
    model = denoiser.model
    parts = (model.encoder, model.decoder) if isinstance(model, Autoencoder) else (model,)
    if not all(type(part).__module__.startswith("aedenoise.models.") for part in parts) or (
        not isinstance(model, Autoencoder)
    ):
        raise UsageError("the page cannot carry a network of your own; choose another format")
    if denoiser.channels not in _CHANNELS:
        raise UsageError(
            f"the page shows grey and RGB images, not {denoiser.channels} channels; choose another "
            "format"
        )
    return denoiser


def _untrained(denoiser: Denoiser, shape: Shape) -> np.ndarray | None:
    experiment = denoiser.experiment
    if experiment.model.network in _WITHOUT_PLACES:
        return None
    init_key, noise_key = run_keys(experiment.seed)
    blank, level = jnp.zeros((1, *shape)), jnp.zeros(1)
    params = jax.jit(denoiser.model.init)(init_key, blank, level)["params"]
    # The mean code of any grey picture will do: the grid is the decoder's.
    grey = Noisy(jax.random.uniform(noise_key, (1, *shape)), level)
    response = constant_response(denoiser.model, params, grey, experiment.model.stride)
    return np.asarray(response[0], np.float32)
