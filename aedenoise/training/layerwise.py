"""Greedy training of a dense network, layer by layer (Vincent et al. 2010, section 3.4).

In its stage, each layer is a denoising autoencoder with the layer of the decoder that mirrors it:
it gets the code of the layers below, which are done and see clean images, with noise on that code,
and gives the code back. Then the whole network is trained. The stage is a function of the step
alone, so a run resumes from its step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.config import Experiment, NoiseConfig, replace
from aedenoise.losses.objectives import Examples, Objective
from aedenoise.losses.reconstruction import bce
from aedenoise.models import Autoencoder
from aedenoise.ops.noise import Corruption, corruption


class LossOfStage(Protocol):
    """Parameters and a batch to a loss per example, ``[B]``."""

    def __call__(self, params: Any, examples: Examples) -> Array: ...


@dataclass(frozen=True)
class Stages:
    """When which stage is: ``layers`` of ``steps`` each, then the whole network.

    With no layers there is but the whole.
    """

    layers: int = 0
    steps: int = 0

    def stage(self, step: Array) -> Array:
        """The stage of ``step``: 0 to ``layers - 1``, or ``layers``, the whole."""
        return jnp.minimum(step // max(self.steps, 1), self.layers)

    @property
    def starts(self) -> tuple[int, ...]:
        """The first step of each stage but the first."""
        return tuple(self.steps * (number + 1) for number in range(self.layers))

    def lengths(self, total_steps: int) -> list[int]:
        """Steps in each stage."""
        return [self.steps] * self.layers + [total_steps - self.steps * self.layers]


def make_stages(experiment: Experiment, total_steps: int) -> Stages:
    """The stages that ``experiment`` describes."""
    if not experiment.greedy_epochs:
        return Stages()
    steps = total_steps * experiment.greedy_epochs // experiment.epochs
    return Stages(len(experiment.model.widths), steps)


def losses_of_layers(experiment: Experiment, model: Any, objective: Objective) -> list[LossOfStage]:
    """The loss of each layer's stage; empty where training is not greedy."""
    if not experiment.greedy_epochs:
        return []
    corrupt = corruption(_noise_of_codes(experiment))
    return [_first_layer(model, objective)] + [
        _layer(model, number, corrupt, bounded=experiment.model.activation == "sigmoid")
        for number in range(1, len(experiment.model.widths))
    ]


def _first_layer(model: Autoencoder, objective: Objective) -> LossOfStage:
    def through(module: Any, image: Array) -> Array:
        rows = module.encoder.layer(image.reshape(len(image), -1), 0)
        logits: Array = module.decoder.layer(rows, 0)
        return logits.reshape(image.shape).astype(jnp.float32)

    def loss(params: Any, examples: Examples) -> Array:
        def denoise(image: Array, level: Array) -> Array:
            return _apply(model, params, through, image)

        return objective(denoise, examples)

    return loss


def _layer(model: Autoencoder, number: int, corrupt: Corruption, *, bounded: bool) -> LossOfStage:
    """Layer ``number``'s: cross-entropy where the code below is in [0, 1], squared error else."""

    def below(module: Any, image: Array) -> Array:
        rows: Array = module.encoder.below(image.reshape(len(image), -1), number)
        return rows.astype(jnp.float32)

    def through(module: Any, rows: Array) -> Array:
        back = module.decoder.layer(module.encoder.layer(rows, number), number)
        found: Array = back if bounded else module.encoder.act(back)
        return found.astype(jnp.float32)

    def loss(params: Any, examples: Examples) -> Array:
        code = jax.lax.stop_gradient(_apply(model, params, below, examples.clean))
        # As pixels: noise that falls on pixels falls on numbers of the code.
        pixels = code[:, :, None, None]
        noisy = jax.vmap(corrupt.apply)(examples.keys, pixels).image[:, :, 0, 0]
        back = _apply(model, params, through, noisy)
        if bounded:
            return bce(back[:, :, None, None], pixels)
        return jnp.mean(jnp.square(back - code), axis=1)

    return loss


def _noise_of_codes(experiment: Experiment) -> NoiseConfig:
    """The experiment's own; a code above 1 is not clipped."""
    clip = experiment.noise.clip and experiment.model.activation == "sigmoid"
    return replace(experiment, {"noise.clip": clip}).noise


def _apply(model: Any, params: Any, method: Callable[..., Array], *inputs: Array) -> Array:
    result: Array = model.apply({"params": params}, *inputs, method=method)
    return result
