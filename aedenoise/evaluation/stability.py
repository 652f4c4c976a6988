"""Stability of a denoiser: against shifts of its input, and against small adversarial changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise.data.batch import evenly_spaced
from aedenoise.metrics.image_quality import mse, psnr, psnr_from_mse
from aedenoise.models import Autoencoder
from aedenoise.models.autoencoder import predict
from aedenoise.ops.images import scale
from aedenoise.ops.noise import Noisy
from aedenoise.training.task import Params

# One side in this many is cut from each border, which has padding and what a shift wraps around.
_BORDER_SHARE = 4
_MOST_SHIFTS = 7
# An attack may change a pixel by 8 of 255 grey levels, as is usual since Madry et al. 2018.
_REACH = np.uint8(8)
_STEPS = 5
# Steps of 2.5 reach / steps get to the edge of the allowed range from anywhere in it (ibid.).
_STEP_SHARE = 2.5 / _STEPS
AttackStep = Callable[[Params, Array, Noisy, Array], tuple[Array, Array]]


def shift_psnr(denoise: Callable[[Noisy], Any], noisy: Noisy, downsampling: int) -> float:
    """Compares the denoised shifted image with the shifted denoised image: mean PSNR in dB.

    A network without strides commutes with shifts; one that downsamples by ``n`` need not do so for
    shifts of 1 to n - 1 pixels (Azulay and Weiss 2019; Zhang 2019, "Making Convolutional Networks
    Shift-Invariant Again"). The noise is shifted with the image. The first half of the images moves
    down, the second to the right; a checkerboard would not show in both directions at once. Shifts
    are circular, and a quarter of each side is cut from every border. Of more than seven shifts,
    seven are taken.

    Args:
      denoise: function from noisy to denoised images ``[B, H, W, C]``.
      noisy: images ``[B, H, W, C]`` of at least 4 pixels a side.
      downsampling: factor between the sides of the image and of the code; 1 is treated as 2.

    Returns:
      Mean over images and shifts, at most 100.
    """
    border = min(noisy.image.shape[1:3]) // _BORDER_SHARE
    still = jnp.asarray(denoise(noisy))
    values = []
    # Longer shifts would move the wrapped border into the part that is compared.
    longest = max(1, min(downsampling - 1, border))
    for shift in map(int, 1 + evenly_spaced(longest, _MOST_SHIFTS)):
        moved = denoise(noisy._replace(image=_shifted(noisy.image, shift)))
        expected = _shifted(still, shift)
        values.append(psnr(_interior(jnp.asarray(moved)), _interior(expected)))
    return float(np.mean(values))


def make_attack_step(model: Autoencoder) -> AttackStep:
    """Makes the pure function ``(params, attacked, noisy, clean) -> (attacked, psnr)``.

    One step of projected gradient ascent on the squared error (PGD, Madry et al. 2018; on image
    restoration Agnihotri et al. 2024): each value moves by half of 8/255 along the sign of its
    gradient, and stays within 8/255 of the noisy image and within [0, 1], or as far outside as the
    noise took it. The returned PSNR ``[B]`` is that before the step.
    """
    reach = float(scale(jnp.asarray(_REACH)))

    def attack_step(
        params: Params, attacked: Array, noisy: Noisy, clean: Array
    ) -> tuple[Array, Array]:
        def total_error(image: Array) -> tuple[Array, Array]:
            error = mse(predict(model, params, noisy._replace(image=image)), clean)
            return jnp.sum(error), error

        # The sum's gradient holds the gradients of all images: none depends on another.
        gradient, error = jax.grad(total_error, has_aux=True)(attacked)
        low = jnp.maximum(noisy.image - reach, jnp.minimum(noisy.image, 0.0))
        high = jnp.minimum(noisy.image + reach, jnp.maximum(noisy.image, 1.0))
        moved = attacked + _STEP_SHARE * reach * jnp.sign(gradient)
        return jnp.clip(moved, low, high), psnr_from_mse(error)

    return attack_step


def psnr_under_attack(
    attack_step: AttackStep, params: Params, noisy: Noisy, clean: Array
) -> tuple[float, float]:
    """Returns the mean PSNR in dB before and after five steps of ``attack_step``, from the noisy
    image itself: nothing is random."""
    attacked, before = attack_step(params, noisy.image, noisy, clean)
    for _ in range(_STEPS - 1):
        attacked, _ = attack_step(params, attacked, noisy, clean)
    _, after = attack_step(params, attacked, noisy, clean)
    return float(jnp.mean(before)), float(jnp.mean(after))


def _shifted(images: Array, shift: int) -> Array:
    half = len(images) // 2
    return jnp.concatenate([jnp.roll(images[:half], shift, 1), jnp.roll(images[half:], shift, 2)])


def _interior(images: Array) -> Array:
    height, width = images.shape[1:3]
    top, left = height // _BORDER_SHARE, width // _BORDER_SHARE
    return images[:, top : height - top, left : width - left]
