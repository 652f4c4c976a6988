"""Objectives: their use of the clean image, and the quantity that their mean estimates."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import letters, small

from aedenoise.config import LOSSES, Experiment, ModelConfig, NoiseConfig
from aedenoise.data.batches import TrainBatches
from aedenoise.errors import UsageError
from aedenoise.losses import reconstruction
from aedenoise.losses.objectives import Examples, by_level, get_objective
from aedenoise.ops.images import scale
from aedenoise.ops.noise import Noisy, corrupt_batch, corruption, example_keys
from aedenoise.training.sharding import make_executor
from aedenoise.training.step import train_step
from aedenoise.training.task import create_state, make_task, run_keys

KEY = jax.random.key(0)
SELF_SUPERVISED = ("noise2noise", "noise2self", "sure", "unsure")
FREE = NoiseConfig(level=0.25, clip=False)


def examples(count: int = 400, noise: NoiseConfig = FREE, value: float | None = None) -> Examples:
    clean = scale(jnp.asarray(letters(count)))
    clean = clean if value is None else jnp.full_like(clean, value)
    index = jnp.arange(count)
    corrupt = corruption(noise)
    noisy = corrupt_batch(corrupt, KEY, 0, index, clean)
    return Examples(clean, noisy, example_keys(jax.random.key(1), 0, index), corrupt)


def smooth(image: jax.Array, level: jax.Array) -> jax.Array:
    """Computes the logits of a smooth denoiser."""
    return 3.0 * image - 1.5


def copy(image: jax.Array, level: jax.Array) -> jax.Array:
    """Computes the logits of the identity denoiser."""
    return jax.scipy.special.logit(jnp.clip(image, 1e-6, 1.0 - 1e-6))


def test_sure_estimates_the_error_it_cannot_see() -> None:
    seen = examples()
    estimate = get_objective("sure")(smooth, seen)
    error = get_objective("mse")(smooth, seen)
    assert float(estimate.mean()) == pytest.approx(float(error.mean()), rel=0.02)
    # It also does where each example has its own level.
    blind = examples(noise=NoiseConfig(level=0.1, level_max=0.5, clip=False))
    estimate, error = (get_objective(name)(smooth, blind).mean() for name in ("sure", "mse"))
    assert float(estimate) == pytest.approx(float(error), rel=0.03)


@pytest.mark.parametrize("step", [1e-3, 0.06])
def test_sure_is_not_deceived_by_another_slope_at_a_higher_level(step: float) -> None:
    """A network that knows the level from the image must not earn a negative divergence."""
    level = 0.25
    count, side = 64, 96
    clean = jnp.full((count, side, side, 1), 0.5)
    seen = Examples(
        clean,
        Noisy(
            clean + level * jax.random.normal(KEY, clean.shape),
            jnp.full((count,), level),
        ),
        example_keys(jax.random.key(1), 0, jnp.arange(count)),
        corruption(FREE),
        probe_step=step,
    )

    def two_slopes(image: jax.Array, level: jax.Array) -> jax.Array:
        noisier = jnp.std(image, axis=(1, 2, 3), keepdims=True) > 1.014 * 0.25
        return jnp.where(noisier, -2.0, 2.0) * (image - 0.5)

    estimate = get_objective("sure")(two_slopes, seen).mean()
    noisier = clean + (level**2 + step**2) ** 0.5 * jax.random.normal(KEY, clean.shape)
    error = reconstruction.mse(two_slopes(noisier, seen.noisy.level), clean).mean()
    assert float(estimate) == pytest.approx(float(error), rel=0.05)


def test_noise2noise_is_the_error_and_the_variance_of_its_target() -> None:
    seen = examples()
    found = get_objective("noise2noise")(smooth, seen).mean()
    error = get_objective("mse")(smooth, seen).mean()
    assert float(found - error) == pytest.approx(0.25**2, rel=0.02)
    # The target's noise is not the input's: what copies the input is not right by itself.
    grey = examples(value=0.5)
    copied = get_objective("noise2noise")(copy, grey).mean()
    assert float(copied) == pytest.approx(2 * 0.25**2, rel=0.1)


def test_noise2self_hides_what_it_asks_for() -> None:
    seen = examples(40, value=0.5)
    inputs = []

    def watched(image: jax.Array, level: jax.Array) -> jax.Array:
        inputs.append(image)
        return copy(image, level)

    loss = get_objective("noise2self")(watched, seen)
    hidden = np.asarray(inputs[0] != seen.noisy.image)
    assert hidden.mean() == pytest.approx(1 / 16)
    assert (hidden.reshape(40, 7, 4, 7, 4).sum(axis=(2, 4)) == 1).all()
    assert len({each.tobytes() for each in hidden}) > 8
    neighbours = 1 + (4 * 0.5**2 + 4 * 1.0) / 36
    assert float(loss.mean()) == pytest.approx(neighbours * 0.25**2, rel=0.1)


def test_emphasis_counts_what_the_noise_left_alone_by_half() -> None:
    seen = examples(noise=NoiseConfig(kind="masking", level=0.5))
    changed = np.asarray(seen.noisy.image != seen.clean).mean(axis=(1, 2, 3))
    flat = get_objective("emphasis")(lambda x, _: jnp.zeros_like(x), seen)
    np.testing.assert_allclose(flat, np.log(2) * (0.5 + 0.5 * changed), rtol=1e-5)


@pytest.mark.parametrize("loss", SELF_SUPERVISED)
def test_without_clean_images_only_noise_without_bias_will_do(loss: str) -> None:
    Experiment(loss=loss, noise=FREE)
    for noise in (
        NoiseConfig(),
        NoiseConfig(kind="masking", clip=False),
        NoiseConfig(mean=0.5, clip=False),
    ):
        with pytest.raises(UsageError, match=f"{loss} learns the mean"):
            Experiment(loss=loss, noise=noise)
    if loss == "sure":
        with pytest.raises(UsageError, match="holds for gaussian"):
            Experiment(loss=loss, noise=NoiseConfig(kind="uniform", clip=False))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.slow
def test_every_objective_trains_and_draws_alike_on_any_devices(
    loss: str,
) -> None:
    images = letters(320)
    experiment = small(
        loss=loss,
        noise__level=0.3,
        **{"noise__mean": 0.0, "noise__clip": False} if loss in SELF_SUPERVISED else {},
    )
    task = make_task(experiment, channels=1, total_steps=40, lowering="plain")
    batches = TrainBatches(images, batch_size=32, seed=0)
    init_key, noise_key = run_keys(0)
    curves = {}
    for count, steps in ((1, 40), (4, 3)) if loss in SELF_SUPERVISED else ((1, 40),):
        executor = make_executor("jit", 32, devices=jax.devices()[:count])
        state = executor.replicate(create_state(task, init_key, (28, 28, 1)))
        key = executor.replicate(noise_key)
        call = executor.train(partial(train_step, task), several=False)
        curve = []
        for number in range(steps):
            state, metrics = call(state, key, None, batches(number))
            curve.append(float(metrics["loss_sum"]) / float(metrics["count"]))
        curves[count] = curve
    np.testing.assert_allclose(curves.get(4, curves[1][:3]), curves[1][:3], atol=2e-6)
    assert np.mean(curves[1][-5:]) < np.mean(curves[1][:3])


def test_faint_noise_can_count_as_much_as_strong() -> None:
    seen = examples(noise=NoiseConfig(level=0.1, level_max=0.5))
    plain = get_objective("mse")(smooth, seen)
    weighted = by_level(get_objective("mse"), 0.3, 2.0)(smooth, seen)
    np.testing.assert_allclose(weighted, plain * (0.3 / seen.noisy.level) ** 2, rtol=1e-5)


@pytest.mark.parametrize(
    ("noise", "more"),
    [
        (NoiseConfig(), {}),
        (NoiseConfig(level=0.0, level_max=0.5), {}),
        (NoiseConfig(level=0.1, level_max=0.5), {"clean_epochs": 1}),
        (NoiseConfig(level=0.1, level_max=0.5), {"level_power": -1.0}),
    ],
)
def test_level_power_needs_levels(noise: NoiseConfig, more: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="level_power"):
        Experiment(noise=noise, **{"level_power": 2.0, **more})


@pytest.mark.parametrize("loss", [name for name in LOSSES if name not in ("bce", "emphasis")])
@pytest.mark.fast_cases("mse", "sure")
def test_while_the_rate_rises_it_is_cross_entropy(loss: str) -> None:
    noise = NoiseConfig(level=0.25, clip=False)
    experiment = Experiment(loss=loss, noise=noise)
    assert make_task(experiment, channels=1, total_steps=200).bce_warmup == ((0, 10),)
    seen = examples()
    own = get_objective(loss)(smooth, seen)
    later = get_objective(loss)(smooth, seen._replace(in_warmup=jnp.bool_(False)))
    np.testing.assert_array_equal(own, later)
    # White images, and a network that answers black: nothing else pulls it back.
    white = seen._replace(clean=jnp.ones_like(seen.clean))

    def pull(in_warmup: bool) -> float:
        def total(shift: jax.Array) -> jax.Array:
            shown = white._replace(in_warmup=jnp.bool_(in_warmup))
            return jnp.sum(get_objective(loss)(lambda x, level: smooth(x, level) + shift, shown))

        return float(jnp.abs(jax.grad(total)(jnp.float32(-200.0))))

    assert pull(False) < 1e-6
    assert pull(True) > 1.0


def test_losses_that_do_not_saturate_need_no_start() -> None:
    for loss in ("bce", "emphasis"):
        task = make_task(Experiment(loss=loss), channels=1, total_steps=200)
        assert task.bce_warmup == ()


@pytest.mark.parametrize("loss", SELF_SUPERVISED)
def test_the_start_of_blind_losses_is_the_mean_and_not_the_input(loss: str) -> None:
    seen = examples(noise=NoiseConfig(level=0.15, clip=False), value=0.3)
    warm = seen._replace(in_warmup=jnp.bool_(True))
    objective = get_objective(loss)

    def mean(image: jax.Array, level: jax.Array) -> jax.Array:
        return jnp.full_like(image, jax.scipy.special.logit(0.3))

    def identity(image: jax.Array, level: jax.Array) -> jax.Array:
        return 6.0 * (image - 0.3) + jax.scipy.special.logit(0.3)

    assert float(objective(mean, warm).mean()) < float(objective(identity, warm).mean())


def test_each_stage_has_its_start() -> None:
    model = ModelConfig(network="mlp", hidden=(8,), code_size=6)
    experiment = Experiment(model=model, loss="mse", epochs=4, greedy_epochs=1)
    task = make_task(experiment, channels=1, total_steps=400)
    assert task.bce_warmup == ((0, 5), (100, 105), (200, 210))
