"""Shifts and attacks on denoisers whose answers are known."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import Array

from aedenoise.evaluation.stability import make_attack_step, psnr_under_attack, shift_psnr
from aedenoise.ops.images import to_logits
from aedenoise.ops.noise import Noisy

IMAGES = jax.random.uniform(jax.random.key(0), (4, 16, 16, 1))
NOISY = Noisy(IMAGES, jnp.zeros(4))
REACH = 8 / 255


def plus_pattern(pattern: Array) -> Any:
    """A denoiser that adds a pattern ``[H, W]`` to its input."""
    return lambda noisy: noisy.image + pattern[None, :, :, None]


class TestShifts:
    def test_what_commutes_with_shifts_has_the_largest_value(self) -> None:
        assert shift_psnr(lambda noisy: noisy.image, NOISY, 4) == 100.0
        blurred = shift_psnr(lambda noisy: noisy.image + jnp.roll(noisy.image, 1, 1), NOISY, 4)
        assert blurred == 100.0

    def test_a_checkerboard_shows_at_odd_shifts_in_both_directions(self) -> None:
        rows, columns = jnp.indices((16, 16))
        board = plus_pattern(jnp.where((rows + columns) % 2 == 0, 0.05, -0.05))
        # Shifts of 1 and 3 move it by half a period: 0.1 apart everywhere, 20 dB.
        assert shift_psnr(board, NOISY, 4) == pytest.approx((20 + 100 + 20) / 3, abs=0.01)
        assert shift_psnr(board, NOISY, 2) == pytest.approx(20.0, abs=0.01)

    def test_stripes_show_in_one_direction(self) -> None:
        _, columns = jnp.indices((16, 16))
        stripes = plus_pattern(jnp.where(columns % 2 == 0, 0.05, -0.05))
        assert shift_psnr(stripes, NOISY, 2) == pytest.approx((100 + 20) / 2, abs=0.01)

    def test_the_border_does_not_count_and_no_stride_is_as_one_of_two(self) -> None:
        inside = jnp.zeros((16, 16)).at[3:13, 3:13].set(1.0)
        assert shift_psnr(plus_pattern(inside), NOISY, 1) == 100.0

    def test_of_many_shifts_seven_are_taken(self) -> None:
        noisy = Noisy(jnp.zeros((2, 64, 64, 1)), jnp.zeros(2))
        asked = []

        def denoise(noisy: Noisy) -> Array:
            asked.append(noisy)
            return noisy.image

        shift_psnr(denoise, noisy, 16)
        assert len(asked) == 1 + 7


class Identity(nn.Module):
    """A denoiser that returns its input."""

    def __call__(self, image: Array, level: Array) -> Array:
        return to_logits(image)


class Grey(nn.Module):
    """A denoiser that does not look at its input."""

    def __call__(self, image: Array, level: Array) -> Array:
        return jnp.zeros_like(image)


class TestAttacks:
    def test_the_identity_is_pushed_by_the_whole_reach_away_from_the_clean_image(self) -> None:
        clean, noisy = jnp.full((2, 8, 8, 1), 0.4), jnp.full((2, 8, 8, 1), 0.5)
        step: Any = jax.jit(make_attack_step(Identity()))  # type: ignore[arg-type]
        before, after = psnr_under_attack(step, {}, Noisy(noisy, jnp.zeros(2)), clean)
        assert before == pytest.approx(20.0, abs=0.01)
        assert after == pytest.approx(-20 * np.log10(0.1 + REACH), abs=0.01)

    def test_attacked_images_stay_in_their_range(self) -> None:
        noisy = jnp.array([0.5, 0.99, 1.2, -0.1]).reshape(1, 2, 2, 1)
        clean = jnp.array([0.6, 0.9, 0.9, 0.1]).reshape(1, 2, 2, 1)
        step = make_attack_step(Identity())  # type: ignore[arg-type]
        attacked = noisy
        for _ in range(4):
            attacked, _ = step({}, attacked, Noisy(noisy, jnp.zeros(1)), clean)
        np.testing.assert_allclose(attacked.ravel(), [0.5 - REACH, 1.0, 1.2, -0.1], atol=1e-6)

    def test_a_network_that_does_not_look_cannot_be_attacked(self) -> None:
        step = make_attack_step(Grey())  # type: ignore[arg-type]
        before, after = psnr_under_attack(step, {}, NOISY, IMAGES)
        assert before == after
