"""The table of metrics: rows in evaluation, console, page and studies."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from aedenoise.config import ModelConfig, NoiseConfig
from aedenoise.data.batch import evenly_spaced
from aedenoise.data.batches import batch_of_rows, eval_batches
from aedenoise.evaluation import evaluate, make_eval_step
from aedenoise.evaluation.evaluate import evaluation_key, noisy_images
from aedenoise.metrics.image_quality import METRICS, Metric
from aedenoise.models import build_autoencoder
from aedenoise.ops.noise import corruption
from aedenoise.reporting.result_lines import results_table
from aedenoise.studies.comparison import pairing


def test_rows_are_complete_and_named_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert (metric.per_image is None) != (metric.from_means is None)
        assert metric.better in ("higher", "lower")
        assert len(metric.column or metric.title) <= 12


def test_tables_are_those_of_earlier_versions() -> None:
    values = {metric.name: 1.23456 for metric in METRICS}
    cells = {m.name: (m.column or m.title, m.title, m.show(values)) for m in METRICS}
    earlier = {
        "psnr": ("PSNR dB", "PSNR, dB", "1.23"),
        "psnr_of_mean_mse": ("of mean MSE", "PSNR of mean MSE, dB", "1.23"),
        "ssim": ("SSIM", "SSIM", "1.2346"),
        "mse": ("MSE", "MSE", "1.23456"),
        "bce": ("BCE", "BCE, nats", "1.2346"),
        "bce_above_floor": ("above floor", "BCE above its floor", "1.2346"),
    }
    assert [name for name in cells if name in earlier] == list(earlier)
    assert earlier.items() <= cells.items()
    results = dict.fromkeys(("denoised", "noisy", "mean_image", "black"), values)
    table = results_table({**results, "dataset": {"count": 7.0, "bce_floor": 0.5}}).splitlines()
    assert table[0] == " " * 20 + "".join(f"{column:>13}" for column, _, _ in cells.values())
    assert table[1] == f"{'denoised':<20}" + "".join(f"{cell:>13}" for _, _, cell in cells.values())
    assert {"psnr", "ssim", "bce"} <= set(pairing.COMPARED)
    assert not {"mse", "psnr_of_mean_mse", "bce_above_floor"} & set(pairing.COMPARED)


def test_a_metric_that_a_file_lacks_is_an_empty_cell() -> None:
    assert METRICS[0].show({"ssim": 0.5}) == ""


def test_a_metric_of_the_caller_is_evaluated_like_the_others() -> None:
    def largest_error(image: jax.Array, reference: jax.Array) -> jax.Array:
        return jnp.max(jnp.abs(image - reference), axis=(1, 2, 3))

    own = Metric(name="largest", title="largest error", better="lower", per_image=largest_error)
    model = build_autoencoder(ModelConfig(encoder_features=(4, 4), decoder_features=(4, 4)))
    images = np.random.default_rng(0).integers(0, 256, (5, 12, 12, 1), np.uint8)
    params = model.init(jax.random.key(0), jnp.zeros((1, 12, 12, 1)))["params"]
    mean = np.zeros((12, 12, 1), np.float32)
    step = make_eval_step(model, corruption(NoiseConfig(level=0.0)), mean, (own,))
    results = evaluate(jax.jit(step), params, eval_batches(images, 4), metrics=(own,))
    assert results["noisy"] == {"largest": 0.0}
    expected = images.max(axis=(1, 2, 3)).mean() / 255.0
    assert results["black"]["largest"] == pytest.approx(expected, rel=1e-6)


def _in_float64(image: np.ndarray, clean: np.ndarray) -> dict[str, float]:
    """The figures of a row of the table, by definition, for images ``[N, H, W, 1]``."""
    image, clean = np.float64(image), np.float64(clean)
    errors = np.mean((image - clean) ** 2, axis=(1, 2, 3))
    p = np.clip(image, 1e-7, 1.0 - 1e-7)
    structure = [
        structural_similarity(
            *pair, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0
        )
        for pair in zip(image[..., 0], clean[..., 0], strict=True)
    ]
    return {
        "psnr": np.mean(-10.0 * np.log10(errors)),
        "psnr_of_mean_mse": -10.0 * np.log10(errors.mean()),
        "ssim": np.mean(structure),
        "mse": errors.mean(),
        "bce": np.mean(-clean * np.log(p) - (1.0 - clean) * np.log1p(-p)),
    }


@pytest.mark.parametrize("clip", [True, False])
def test_every_figure_of_the_table_is_its_definition_in_float64(clip: bool) -> None:
    model = build_autoencoder(ModelConfig(encoder_features=(4, 4), decoder_features=(4, 4)))
    # Glyphs of black and white: half of the noisy pixels are clipped to exactly 0 or 1.
    images = 255 * np.random.default_rng(0).integers(0, 2, (7, 12, 12, 1), np.uint8)
    images[0] //= 3
    params = model.init(jax.random.key(0), jnp.zeros((1, 12, 12, 1)))["params"]
    corrupt = corruption(NoiseConfig(clip=clip))
    mean = np.float32(images.mean(0) / 255.0)
    step = jax.jit(make_eval_step(model, corrupt, mean))
    found = evaluate(step, params, eval_batches(images, 4))

    clean = images / 255.0
    batch = batch_of_rows(images, evenly_spaced(len(images), len(images)))
    noisy = noisy_images(corrupt, evaluation_key(), batch)
    logits = np.float64(model.apply({"params": params}, *noisy))
    predictions = {
        "denoised": 1.0 / (1.0 + np.exp(-logits)),
        "noisy": noisy.image,
        "black": np.zeros_like(clean),
        "mean_image": np.broadcast_to(mean, clean.shape),
    }
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = np.nan_to_num(-clean * np.log(clean) - (1.0 - clean) * np.log1p(-clean))
    assert found["dataset"]["bce_floor"] == pytest.approx(entropy.mean(), abs=1e-6)
    for name, image in predictions.items():
        expected = _in_float64(np.asarray(image), clean)
        expected["bce_above_floor"] = expected["bce"] - entropy.mean()
        assert found[name] == pytest.approx(expected, rel=2e-5, abs=2e-6), name
