"""A trained network as one function of arrays whose sizes are known at run time only.

The function pads images to a size that the network takes and cuts the result, so that a file made
of it takes images of any size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array, lax

from aedenoise.config import ModelConfig
from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.generator import ImageMaker
from aedenoise.models import ImageModel
from aedenoise.models.autoencoder import predict
from aedenoise.ops.images import to_image
from aedenoise.ops.noise import Noisy

# Names of the inputs, of the outputs, and of the sizes that are known at run time only.
NOISY, LEVEL, DENOISED = "noisy", "level", "denoised"
LATENT, IMAGE = "latent", "image"
BATCH, HEIGHT, WIDTH = "batch", "height", "width"

Source = Denoiser | ImageMaker
Shape = tuple[int | str, ...]


@dataclass(frozen=True)
class Sides:
    """Sides of images that a network takes: ``rest`` more than a multiple of ``step``."""

    step: int
    rest: int

    @property
    def least(self) -> int:
        """Returns the smallest side that can be padded."""
        return self.rest + 1

    def fitted(self, side: Any) -> Any:
        """Returns the smallest valid side of at least ``side``, an integer or symbolic."""
        # Twice negated, floor division rounds up.
        return -(-(side - self.rest) // self.step) * self.step + self.rest


def find_sides(config: ModelConfig) -> Sides | None:
    """Returns the valid sides of images; None if there is only one."""
    first = config.fitting(1)
    second = None if first is None else config.fitting(first + 1)
    if first is None or second is None:
        return None
    return Sides(second - first, 2 * first - second)


def fixed_size(source: Denoiser) -> tuple[int, int] | None:
    """Returns height and width of the images, if the network takes no others."""
    if source.size is not None:
        return source.size
    only = source.experiment.model.fitting(1)
    return (only, only) if only is not None and not find_sides(source.experiment.model) else None


def input_shapes(source: Source) -> dict[str, Shape]:
    """Returns the shapes of the inputs by name; text for a size that is known at run time only."""
    if isinstance(source, ImageMaker):
        return {LATENT: (BATCH, source.latent_size)}
    shapes: dict[str, Shape] = {NOISY: _images(source)}
    if source.experiment.model.condition == "noise_level":
        shapes[LEVEL] = (BATCH,)
    return shapes


def output_shapes(source: Source) -> dict[str, Shape]:
    """Returns the shape of the output by name, as ``input_shapes`` does."""
    if isinstance(source, ImageMaker):
        return {IMAGE: (BATCH, *source.image_shape)}
    return {DENOISED: _images(source)}


def _images(source: Denoiser) -> Shape:
    return (BATCH, *(fixed_size(source) or (HEIGHT, WIDTH)), source.channels)


def symbolic_inputs(source: Source) -> list[jax.ShapeDtypeStruct]:
    """Returns the inputs as JAX's shapes of symbolic sizes."""
    bounds = []
    sides = find_sides(source.experiment.model)
    if isinstance(source, Denoiser) and sides and not fixed_size(source):
        bounds = [f"{name} >= {sides.least}" for name in (HEIGHT, WIDTH)]
    symbols = jax.export.symbolic_shape(f"{BATCH}, {HEIGHT}, {WIDTH}", constraints=bounds)
    named: dict[int | str, Any] = dict(zip((BATCH, HEIGHT, WIDTH), symbols, strict=True))
    return [
        jax.ShapeDtypeStruct([named.get(size, size) for size in shape], jnp.float32)
        for shape in input_shapes(source).values()
    ]


def forward(source: Source, lowering: str) -> Callable[..., Array]:
    """Returns ``(noisy[, level]) -> denoised`` or ``(latent) -> image``, for one ``lowering`` of
    the package's operations."""
    model: Any = rebuilt(source.model, lowering=lowering)
    params = source.params
    if isinstance(source, ImageMaker):
        return lambda latent: to_image(model.apply({"params": params}, latent))
    sides = None if fixed_size(source) else find_sides(source.experiment.model)

    def denoise(noisy: Array, level: Array | None = None) -> Array:
        _, height, width, _ = noisy.shape
        if sides is None:
            return predict(model, params, Noisy(noisy, _given(level, noisy)))
        padded = mirrored(mirrored(noisy, 1, sides.fitted(height)), 2, sides.fitted(width))
        denoised = predict(model, params, Noisy(padded, _given(level, noisy)))
        return denoised[:, :height, :width]

    return denoise


def _given(level: Array | None, noisy: Array) -> Array:
    return jnp.zeros(noisy.shape[:1]) if level is None else level


def mirrored(images: Array, axis: int, size: Any) -> Array:
    """Extends images to ``size`` along an axis by reflection at their end, as often as needed; like
    ``numpy.pad`` in mode ``symmetric``."""
    own = images.shape[axis]
    if size == own:
        return images
    steps = lax.iota(jnp.int32, size)
    period = jnp.asarray(2 * own, jnp.int32)
    place = lax.rem(steps, jnp.broadcast_to(period, steps.shape))
    return jnp.take(images, jnp.minimum(place, (period - 1)[None] - place), axis, mode="clip")


def rebuilt(model: Any, **attributes: Any) -> Any:
    """Returns a linen module with other ``attributes``, in it and in the modules that it holds,
    where they have them."""
    if isinstance(model, ImageModel):
        return ImageModel(rebuilt(model.network, **attributes))
    return _rebuilt(model, attributes, {})


def _rebuilt(module: nn.Module, attributes: dict[str, Any], known: dict[int, Any]) -> Any:
    # A module that two others share must stay one module: so do its parameters.
    if id(module) not in known:
        changes: dict[str, Any] = {}
        for name in _own_fields(module):
            value = getattr(module, name)
            if name in attributes:
                changes[name] = attributes[name]
            elif isinstance(value, nn.Module):
                changes[name] = _rebuilt(value, attributes, known)
        known[id(module)] = module.clone(**changes) if changes else module
    return known[id(module)]


def _own_fields(module: nn.Module) -> Sequence[str]:
    fields = dataclasses.fields(module)
    return [field.name for field in fields if field.name not in ("parent", "name")]
