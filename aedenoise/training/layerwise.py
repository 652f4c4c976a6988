"""Greedy layer-wise training of a dense network (Vincent et al. 2010, section 3.4).

In its stage, each encoder layer and the decoder layer that mirrors it form a denoising autoencoder:
they restore the code of the layers below, computed from clean images, after noise was added to it.
The last stage trains the whole network. The stage is a function of the step alone, so that a run
resumes from its step.
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
    """Loss of one stage: parameters and a batch to losses per example, ``[B]``."""

    def __call__(self, params: Any, examples: Examples) -> Array: ...


@dataclass(frozen=True)
class Stages:
    """Stages of training: ``layers`` stages of ``steps`` each, then the whole network.

    With zero layers, the whole network is trained throughout.
    """

    layers: int = 0
    steps: int = 0

    def stage(self, step: Array) -> Array:
        """Returns the stage of ``step``, from 0; ``layers`` is the stage of the whole network."""
        # Without greedy training ``steps`` is 0; the division must be defined all the same.
        return jnp.minimum(step // max(self.steps, 1), self.layers)

    @property
    def starts(self) -> tuple[int, ...]:
        """Returns the first step of each stage after the first."""
        return tuple(self.steps * (number + 1) for number in range(self.layers))

    def lengths(self, total_steps: int) -> list[int]:
        """Returns the number of steps in each stage."""
        return [self.steps] * self.layers + [total_steps - self.steps * self.layers]


def make_stages(experiment: Experiment, total_steps: int) -> Stages:
    """Builds the stages of ``experiment``."""
    if not experiment.greedy_epochs:
        return Stages()
    steps = total_steps * experiment.greedy_epochs // experiment.epochs
    return Stages(len(experiment.model.widths), steps)


def losses_of_layers(experiment: Experiment, model: Any, objective: Objective) -> list[LossOfStage]:
    """Returns the loss of each layer's stage; empty where training is not greedy."""
    if not experiment.greedy_epochs:
        return []
    corrupt = corruption(_noise_of_codes(experiment))
    return [_first_layer(model, objective)] + [
        _layer(model, number, corrupt, bounded=experiment.model.activation == "sigmoid")
        for number in range(1, len(experiment.model.widths))
    ]


def _first_layer(model: Autoencoder, objective: Objective) -> LossOfStage:
    # Its input is the image itself, so that the objective of the run applies.
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
    """Builds the loss of layer ``number``: cross-entropy for codes in [0, 1], else MSE."""

    def below(module: Any, image: Array) -> Array:
        rows: Array = module.encoder.below(image.reshape(len(image), -1), number)
        return rows.astype(jnp.float32)

    def through(module: Any, rows: Array) -> Array:
        back = module.decoder.layer(module.encoder.layer(rows, number), number)
        found: Array = back if bounded else module.encoder.act(back)
        return found.astype(jnp.float32)

    def loss(params: Any, examples: Examples) -> Array:
        # Layers below have been trained and stay fixed in this stage.
        code = jax.lax.stop_gradient(_apply(model, params, below, examples.clean))
        # Corruptions expect images: each number of the code becomes a pixel.
        pixels = code[:, :, None, None]
        noisy = jax.vmap(corrupt.apply)(examples.keys, pixels).image[:, :, 0, 0]
        back = _apply(model, params, through, noisy)
        if bounded:
            return bce(back[:, :, None, None], pixels)
        return jnp.mean(jnp.square(back - code), axis=1)

    return loss


def _noise_of_codes(experiment: Experiment) -> NoiseConfig:
    """Returns the noise of the experiment, without clipping for unbounded codes."""
    # Only a sigmoid keeps codes in [0, 1]; clipping others would destroy values above 1.
    clip = experiment.noise.clip and experiment.model.activation == "sigmoid"
    return replace(experiment, {"noise.clip": clip}).noise


def _apply(model: Any, params: Any, method: Callable[..., Array], *inputs: Array) -> Array:
    result: Array = model.apply({"params": params}, *inputs, method=method)
    return result
