"""Denoising of a picture that is an array."""

from __future__ import annotations

import warnings
from pathlib import Path

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
        (np.zeros((0, 32)), "must have shape"),
        (np.zeros((3, 32, 32)), r"not \(3, 32, 32\)"),
        (np.full((32, 32), np.nan), "finite"),
        (np.full((32, 32), 200.0), "divide by 255"),
        (np.zeros((32, 32), np.int64), "uint8 or uint16"),
    ],
)
def test_unsupported_arrays_are_refused(picture: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        aedenoise.denoise(picture)


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="photos"):
        aedenoise.denoise(np.zeros((32, 32)), "photo")
    with pytest.raises(UsageError, match="auto"):
        aedenoise.denoise(np.zeros((32, 32)), invert="automatic")
