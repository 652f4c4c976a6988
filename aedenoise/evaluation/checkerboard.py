"""Checkerboard measures of a decoder: in its errors, its gradients and on a constant code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.data.batch import Batch
from aedenoise.evaluation.evaluate import evaluation_key, noisy_images
from aedenoise.losses.reconstruction import Loss
from aedenoise.metrics import checkerboard
from aedenoise.models import Autoencoder, constant_code
from aedenoise.ops.images import to_image
from aedenoise.ops.noise import Corruption, Noisy, clean_images
from aedenoise.training.task import Params

# One side in this many is cut from each border, where padding hides the grid.
_BORDER_SHARE = 4
Grid = tuple[dict[str, dict[str, Array]], dict[str, Array]]


def make_grid_step(
    model: Autoencoder, corrupt: Corruption, loss: Loss, stride: int
) -> Callable[[Params, Batch], Grid]:
    """Makes the pure function ``(params, batch) -> (measures, pictures)``.

    Measures (see ``metrics.checkerboard``): ``polyphase_2``, ``polyphase_4``, ``excess_2`` and
    ``excess_4`` for the ``residual`` (denoised minus original) and for the ``gradient`` of the
    loss by the noisy input; ``spread_2`` and ``spread_4`` for the ``constant`` response, in units
    of the [0, 1] range. Pictures, ``[H, W]``: the mean ``residual``, its ``spectrum`` (log10 of the
    mean power, zero frequency in the middle) and the ``constant`` response.
    """

    def grid_step(params: Params, batch: Batch) -> Grid:
        variables = {"params": params}
        clean = clean_images(corrupt, batch.image)
        noisy = noisy_images(corrupt, evaluation_key(), batch)

        def total_loss(image: Array) -> tuple[Array, Array]:
            logits: Any = model.apply(variables, image, noisy.level)
            return jnp.sum(loss(logits, clean)), logits

        # The sum's gradient holds the gradients of all examples: none depends on another.
        gradient, logits = jax.grad(total_loss, has_aux=True)(noisy.image)
        residual = to_image(logits) - clean
        response = constant_response(model, params, noisy, stride)
        measures = {
            "residual": checkerboard.measures(residual),
            "gradient": checkerboard.measures(gradient),
            "constant": phase_stds(response),
        }
        spectrum = jnp.mean(jnp.square(jnp.abs(jnp.fft.fft2(residual, axes=(1, 2)))), axis=(0, 3))
        pictures = {
            "residual": jnp.mean(residual, axis=(0, 3)),
            # The constant keeps the logarithm finite for a residual of zero.
            "spectrum": jnp.log10(jnp.fft.fftshift(spectrum) + 1e-12),
            "constant": jnp.mean(response, axis=(0, 3)),
        }
        return measures, pictures

    return grid_step


def constant_response(model: Autoencoder, params: Params, noisy: Noisy, stride: int) -> Array:
    """Decodes a spatially constant code, the mean code of ``noisy``.

    A decoder without a grid maps it to a single value, except near the borders.

    Returns:
      Image ``[1, H, W, C]`` in [0, 1].
    """
    variables = {"params": params}
    code: Any = model.apply(variables, *noisy, method="encode")
    logits: Any = model.apply(variables, constant_code(code, stride), method="decode")
    return to_image(logits)


def phase_stds(response: Array) -> dict[str, Array]:
    """Computes ``spread_2`` and ``spread_4`` of a constant response, without its borders."""
    inner = _without_border(response)
    return {
        f"spread_{period}": checkerboard.phase_std(inner, period) for period in checkerboard.PERIODS
    }


def _without_border(image: Array) -> Array:
    height, width = image.shape[1:3]
    # Whole blocks of the largest period are cut, so that phases stay aligned.
    period = max(checkerboard.PERIODS)
    top, left = (n // _BORDER_SHARE // period * period for n in (height, width))
    return image[:, top : height - top, left : width - left]
