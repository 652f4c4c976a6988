"""Classical baselines: tuned on training images, evaluated on the same test images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import letters, small, workload

from aedenoise.evaluation.classical import tuned_baselines
from aedenoise.reporting.result_lines import baselines_table
from aedenoise.runs import baselines
from aedenoise.runs.denoising import DenoisingWorkload
from aedenoise.training.task import create_state, run_keys

NAMES = ["linear", "median", "non-local means", "total variation", "wavelet"]


@pytest.fixture(scope="module")
def untrained(data_dir: str) -> tuple[DenoisingWorkload, object]:
    found = workload(small(), data_dir)
    return found, create_state(found.task, run_keys(0)[0], found.image_shape).params


def pair(images: np.ndarray, sigma: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    clean = images.astype(np.float32) / 255.0
    noise = np.random.default_rng(seed).normal(0.0, sigma, clean.shape)
    return clean, np.clip(clean + noise, 0.0, 1.0).astype(np.float32)


def error(images: np.ndarray, clean: np.ndarray) -> float:
    return float(np.mean(np.square(np.clip(images, 0.0, 1.0) - clean)))


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.fast_cases("False")
def test_every_baseline_helps_on_images_it_was_not_tuned_on(colour: bool) -> None:
    images = letters(400)
    if colour:
        images = np.concatenate([images, 255 - images, images // 2], axis=-1)
    clean, noisy = pair(images, 0.3)
    found = tuned_baselines(clean[:300], noisy[:300], tuning=40)
    assert [baseline.name for baseline in found] == NAMES
    for baseline in found:
        result = baseline.denoise(noisy[300:])
        assert result.shape == noisy[300:].shape, baseline.name
        assert error(result, clean[300:]) < 0.75 * error(noisy[300:], clean[300:]), baseline.name
        assert baseline.setting


def test_the_linear_one_is_the_best_affine_function() -> None:
    rng = np.random.default_rng(0)
    clean = rng.random((4000, 4, 4, 1), np.float32)
    mixing = np.eye(16) + 0.1 * rng.normal(size=(16, 16))
    seen = (clean.reshape(-1, 16) @ mixing).reshape(clean.shape).astype(np.float32) + 0.2
    linear = tuned_baselines(clean, seen, tuning=50)[0]
    assert linear.setting.startswith("whole image")
    np.testing.assert_allclose(linear.denoise(seen[:100]), clean[:100], atol=0.01)


@pytest.mark.slow
def test_settings_follow_the_noise() -> None:
    weights = []
    for sigma in (0.1, 0.5):
        clean, noisy = pair(letters(120), sigma)
        (tv,) = [b for b in tuned_baselines(clean, noisy, tuning=40) if b.name[0] == "t"]
        weights.append(float(tv.setting.split()[-1]))
    assert weights[0] < weights[1]


def test_scores_are_kept_for_the_same_data_and_noise(
    untrained: tuple[DenoisingWorkload, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found, params = untrained
    said: list[str] = []
    first, pictures = baselines.evaluate_baselines(found, params, said.append)
    assert [row.shape for row in pictures["worst"].values()] == [(20, 28, 28, 1)] * 3
    shown = pictures["baselines"]
    assert list(shown) == ["original", "noisy", *NAMES, "denoised"]
    assert {row.shape for row in shown.values()} == {(12, 28, 28, 1)}
    for name in NAMES:
        assert error(shown[name], shown["original"]) < error(shown["noisy"], shown["original"])
    assert len(said) == 1
    found_baselines = first["baselines"]
    assert list(found_baselines["classical"]) == NAMES
    assert found_baselines["images"] == 40
    assert max(score["psnr"] for score in found_baselines["classical"].values()) > 12.0
    again, kept_pictures = baselines.evaluate_baselines(found, params, said.append)
    assert again == first
    np.testing.assert_array_equal(kept_pictures["baselines"]["wavelet"], shown["wavelet"])
    assert len(said) == 1
    (kept,) = (tmp_path / "aedenoise" / "baselines").iterdir()
    kept.write_text("{")
    assert baselines.evaluate_baselines(found, params, said.append)[0] == first
    assert len(said) == 2
    lines = baselines_table(found_baselines, 2000).splitlines()
    assert [line.split("  ")[0] for line in lines[1:-1]] == ["denoised", *NAMES]
    assert "the network LOSES to a classical denoiser" in lines[-1]  # it is untrained
    assert "train longer" in lines[-1]
    assert "dB: 22 training images are few; add" in baselines_table(found_baselines, 22)
    assert "dB: trained on a; train on" in baselines_table(found_baselines, 22, "trained on a")
    better = {**found_baselines, "denoised": {"psnr": 99.0, "ssim": 1.0}}
    assert "the network beats the best classical" in baselines_table(better, 2000).splitlines()[-1]
    without, _ = baselines.evaluate_baselines(found, params, None)
    assert list(without) == ["per_image"]


def test_single_images_agree_with_the_mean(untrained: tuple[DenoisingWorkload, object]) -> None:
    found, params = untrained
    spread, worst = baselines.image_scores(found, params)
    mean = found.evaluate(params)["denoised"]["psnr"]
    labels = found.dataset.test.labels
    names = found.dataset.label_names
    by_class = [spread["by_class"][names[label]] for label in labels]
    assert np.mean(by_class) == pytest.approx(mean, abs=1e-3)
    values = [each["psnr"] for each in spread["worst"]]
    assert values == sorted(values)
    assert len(values) == 20
    assert values[0] <= spread["percentiles"]["5"] <= spread["percentiles"]["50"]
    first = spread["worst"][0]
    np.testing.assert_allclose(
        worst["original"][0], found.dataset.test.images[first["index"]] / 255.0, atol=1e-6
    )
    psnr = -10 * np.log10(error(worst["denoised"][0], worst["original"][0]))
    assert psnr == pytest.approx(first["psnr"], abs=1e-3)
