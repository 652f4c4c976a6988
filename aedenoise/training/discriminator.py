"""The discriminator: its loss, its opponent's loss, and its update. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax import Array

from aedenoise.config import AdversaryConfig, Experiment
from aedenoise.models import Classifier, build_discriminator
from aedenoise.training.optimizer import make_optimizer
from aedenoise.training.spectral_norm import Vectors, first_vectors, normalized
from aedenoise.training.update import make_update, sum_over_devices

Tree = TypeVar("Tree")


@flax.struct.dataclass
class DiscriminatorState:
    """Training state of a discriminator; ``vectors`` are those of ``spectral_norm``."""

    params: Any
    opt_state: optax.OptState
    vectors: Vectors


@dataclass(frozen=True)
class Discriminator:
    """A discriminator and its losses, as functions."""

    model: Classifier
    config: AdversaryConfig
    optimizer: optax.GradientTransformation

    def create(self, key: Array, image_shape: tuple[int, int, int]) -> DiscriminatorState:
        """Creates the initial state for images of shape ``[H, W, C]``."""
        init_key, vector_key = jax.random.split(key)
        params = self.model.init(init_key, jnp.zeros((1, *image_shape)))["params"]
        spectral = self.config.regularizer == "spectral_norm"
        vectors = first_vectors(vector_key, params) if spectral else {}
        return DiscriminatorState(params, self.optimizer.init(params), vectors)

    def update(
        self,
        state: DiscriminatorState,
        real: Array,
        made: Array,
        weight: Array,
        count: Array,
        axis_name: str | None,
    ) -> tuple[DiscriminatorState, dict[str, Array]]:
        """Performs one update on real and generated images.

        Args:
          state: state before the update.
          real, made: real and generated images ``[B, H, W, C]`` in [0, 1].
          weight: float ``[B]``, 0 for padding.
          count: the sum of the weights over all devices.
          axis_name: the mapped axis to sum over, or None.

        Returns:
          The next state, and means over the global batch: ``discriminator_loss``, and the logits
          ``score_real`` and ``score_made``.
        """
        # The generator has its own update; this one must not reach its parameters.
        made = jax.lax.stop_gradient(made)

        def sums(params: Any) -> tuple[Array, Any]:
            smooth, vectors = normalized(params, state.vectors)
            of_real, of_made = self._scores(smooth, real), self._scores(smooth, made)
            # R1 penalises the slope at real images only (Mescheder et al. 2018).
            losses = discriminator_loss(self.config.loss, of_real, of_made)
            if self.config.regularizer == "r1":
                losses += 0.5 * self.config.r1_weight * self._squared_gradient(smooth, real)
            totals = [jnp.sum(values * weight) for values in (losses, of_real, of_made)]
            return totals[0], (vectors, totals)

        update = make_update(sums, self.optimizer, has_aux=True)
        done, _, (vectors, totals) = update(state.params, state.opt_state, count, axis_name)
        totals = sum_over_devices(totals, axis_name)
        names = ("discriminator_loss", "score_real", "score_made")
        means = {name: total / count for name, total in zip(names, totals, strict=True)}
        return DiscriminatorState(done.params, done.opt_state, vectors), means

    def opponent_loss(self, state: DiscriminatorState, made: Array) -> Array:
        """Returns the generator loss of images ``[B, H, W, C]``, ``[B]``, to be minimised."""
        # The power iteration advances in ``update`` alone, once per step.
        smooth, _ = normalized(jax.lax.stop_gradient(state.params), state.vectors)
        scores = self._scores(smooth, made)
        # softplus(-s) = -log sigmoid(s), the non-saturating form: its gradient does not vanish
        # while the discriminator rejects every image.
        return -scores if self.config.loss == "hinge" else jax.nn.softplus(-scores)

    def _scores(self, params: Any, image: Array) -> Array:
        logits: Any = self.model.apply({"params": params}, image)
        scores: Array = logits[:, 0]
        return scores

    def _squared_gradient(self, params: Any, image: Array) -> Array:
        gradient = jax.grad(lambda shown: jnp.sum(self._scores(params, shown)))(image)
        # Examples are independent, so that the gradient of the sum holds each one's gradient.
        return jnp.sum(jnp.square(gradient), axis=(1, 2, 3))


def discriminator_loss(kind: str, real: Array, made: Array) -> Array:
    """Returns the discriminator loss ``[B]`` from logits ``[B]`` of real and generated images.

    ``non_saturating``: negative log-likelihood of classifying both correctly (Goodfellow et al.
    2014). ``hinge``: margin violations of both (Lim and Ye 2017).
    """
    if kind == "hinge":
        return jax.nn.relu(1.0 - real) + jax.nn.relu(1.0 + made)
    return jax.nn.softplus(-real) + jax.nn.softplus(made)


def make_discriminator(
    experiment: Experiment, schedule: optax.Schedule, *, lowering: str
) -> Discriminator | None:
    """Builds the discriminator of ``experiment``, or returns None if it is not adversarial."""
    if not experiment.adversarial:
        return None
    if experiment.adversary.regularizer == "r1":
        # R1 takes a second derivative, which only XLA's own convolutions have.
        lowering = "plain"
    return Discriminator(
        build_discriminator(experiment.model, lowering=lowering),
        experiment.adversary,
        make_optimizer(experiment.optimizer, schedule),
    )
