"""Denoising of a picture that is an array."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

import aedenoise
from aedenoise.config.denoise_options import DenoiseOptions
from aedenoise.data.builders import read_open_letters
from aedenoise.errors import UsageError
from aedenoise.inference.denoise_files import denoise_files
from aedenoise.inference.network_choice import PackedNetworks
from aedenoise.metrics.image_quality import psnr

RNG = np.random.default_rng(0)


def add_noise(clean: np.ndarray, level: float) -> np.ndarray:
    noisy = clean.astype(np.float32) / 255.0 + level * RNG.standard_normal(clean.shape)
    return np.asarray(np.rint(255.0 * np.clip(noisy, 0.0, 1.0)), np.uint8)


def dark_sheet() -> np.ndarray:
    """Returns dark letters on a light ground, uint8 ``[224, 224]``."""
    letters = read_open_letters("test")[0][::40][:64].reshape(8, 8, 28, 28)
    return 255 - letters.transpose(0, 2, 1, 3).reshape(224, 224)


@pytest.mark.parametrize(
    ("clean", "level"),
    [
        (skimage.data.camera()[100:228, 100:260], 0.1),
        (skimage.data.astronaut()[:160, 100:228], 0.1),
        (dark_sheet(), 0.25),
    ],
    ids=["grey photograph", "colour photograph", "dark letters"],
)
def test_an_array_gets_the_result_of_the_command(
    tmp_path: Path, clean: np.ndarray, level: float
) -> None:
    noisy = add_noise(clean, level)
    denoised = aedenoise.denoise(noisy)
    assert denoised.shape == clean.shape
    assert denoised.dtype == np.float32
    reference = clean.astype(np.float32) / 255.0
    before = psnr(noisy[None, ..., None] / np.float32(255.0), reference[None, ..., None])
    assert psnr(denoised[None, ..., None], reference[None, ..., None]) > before + 3.0
    Image.fromarray(noisy).save(tmp_path / "noisy.png")
    denoise_files(PackedNetworks(), DenoiseOptions(source=str(tmp_path / "noisy.png")))
    written = np.asarray(Image.open(tmp_path / "noisy-denoised.png"), np.float32)
    np.testing.assert_array_equal(np.rint(255.0 * denoised), written)


def test_dtypes_and_a_channel_of_its_own_change_nothing() -> None:
    noisy = add_noise(skimage.data.camera()[100:196, 100:196], 0.1)
    denoised = aedenoise.denoise(noisy)
    np.testing.assert_array_equal(aedenoise.denoise(noisy[..., None])[..., 0], denoised)
    for other in (noisy / 255.0, noisy.astype(np.uint16) * 257):
        np.testing.assert_allclose(aedenoise.denoise(other), denoised, atol=1e-5)


def test_a_clean_picture_is_returned_with_a_warning_that_names_the_argument() -> None:
    clean = skimage.data.camera()[:256, :256]
    with pytest.warns(UserWarning, match="is kept as it is.*keep_input=False"):
        kept = aedenoise.denoise(clean)
    np.testing.assert_array_equal(np.rint(255.0 * kept).astype(np.uint8), clean)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not np.array_equal(aedenoise.denoise(clean, keep_input=False), kept)


def test_a_network_can_be_named() -> None:
    noisy = add_noise(skimage.data.camera()[100:196, 100:196], 0.1)
    by_name = aedenoise.load(network="photos")(noisy[None])[0]
    np.testing.assert_array_equal(aedenoise.denoise(noisy, "photos"), by_name)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((2, 32, 32, 1)), r"\[H, W, 3\], not \(2, 32, 32, 1\)"),
        (np.zeros((32, 32, 4)), r"not \(32, 32, 4\)"),
        (np.zeros((0, 32)), r"\(0, 32\) are empty"),
        (np.zeros((3, 32, 32)), r"pass np\.moveaxis\(picture, 0, -1\)"),
        (np.full((32, 32), np.nan), "NaN or infinite"),
        (np.full((32, 32), 200.0), "divide by 255"),
        (np.full((32, 32), 3.0), "divide by the brightness of white"),
        (np.zeros((32, 32), np.int64), r"\.astype\(np\.uint8\)"),
        (np.zeros((32, 32), bool), r"\.astype\(np\.float32\)"),
        (np.ma.masked_less(np.eye(32), 0.5), "masked pixels"),
        (Image.new("P", (32, 32)), r'mode P must be converted: \.convert\("RGB"\)'),
        ("page.png", "not str; read a file"),
        ([np.zeros((3, 4)), np.zeros((4, 4))], "differ in shape"),
    ],
)
def test_unsupported_pictures_are_refused(picture: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        aedenoise.denoise(picture)


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="photos"):
        aedenoise.denoise(np.zeros((32, 32)), "photo")
    with pytest.raises(UsageError, match="auto"):
        aedenoise.denoise(np.zeros((32, 32)), invert="automatic")
    with pytest.raises(UsageError, match="unknown invert True"):
        aedenoise.denoise(np.zeros((32, 32)), invert=True)  # type: ignore[arg-type]


def test_a_small_picture_without_noise_is_returned() -> None:
    drawn = np.zeros((5, 7))
    drawn[1:4, 3] = 1.0
    with pytest.warns(UserWarning, match="no noise"):
        np.testing.assert_array_equal(aedenoise.denoise(drawn), drawn)


@pytest.mark.parametrize("level", [0.05, 0.2, 0.6])
def test_noise_on_a_small_picture_is_seen(level: float) -> None:
    drawn = np.zeros((28, 28))
    drawn[4:24, 12:16] = 1.0
    noisy = np.clip(drawn + level * RNG.standard_normal(drawn.shape), 0.0, 1.0)
    denoised = aedenoise.denoise(noisy)
    assert np.abs(denoised - drawn).mean() < 0.5 * np.abs(noisy - drawn).mean()


def test_pillow_images_are_arrays() -> None:
    noisy = add_noise(skimage.data.astronaut()[:96, 100:196], 0.1)
    wanted = aedenoise.denoise(noisy)
    np.testing.assert_array_equal(aedenoise.denoise(Image.fromarray(noisy)), wanted)
