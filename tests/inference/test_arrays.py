"""Arrays that are no images in [0, 1], and denoisers in other processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest

import aedenoise
from aedenoise.config.denoise_options import DenoiseOptions
from aedenoise.config.options import RunOptions
from aedenoise.errors import CheckpointError
from aedenoise.inference.arrays import check_layout, scaled
from aedenoise.inference.denoiser import Denoiser
from aedenoise.runtime import forks

RNG = np.random.default_rng(0)
GLYPHS = np.kron(RNG.random((4, 7, 7)) < 0.3, np.ones((4, 4))).astype(np.float32)


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return aedenoise.load()


@pytest.mark.parametrize("dtype", [">u2", "<u2", ">f4", ">f8", "<f8", ">f2"])
def test_any_byte_order(dtype: str) -> None:
    whole = np.iinfo(np.uint16).max if dtype.endswith("u2") else 1
    images = (GLYPHS * whole).astype(dtype)
    found = scaled(images)
    assert found.dtype == np.float32
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, GLYPHS)


def normalised(images: np.ndarray) -> np.ndarray:
    return (images - 0.1307) / 0.3081


@pytest.mark.parametrize(
    ("images", "remedy"),
    [
        (2.0 * GLYPHS - 1.0, r"\(images \+ 1\) / 2"),
        (1.0 - 2.0 * GLYPHS, r"\(images \+ 1\) / 2"),
        (RNG.integers(0, 65536, (2, 28, 28)) / 32767.5 - 1.0, r"\(images \+ 1\) / 2"),
        (RNG.uniform(-0.99, 0.99, (2, 28, 28)), r"\(images \+ 1\) / 2"),
        (
            np.clip(2.0 * (GLYPHS + RNG.normal(0.0, 0.4, GLYPHS.shape)) - 1.0, -1.0, 1.0),
            r"\(images \+ 1\) / 2",
        ),
        (normalised(GLYPHS), "undo its normalisation"),
        (normalised(np.clip(GLYPHS + RNG.normal(0.0, 0.4, GLYPHS.shape), 0.0, 1.0)), "undo its"),
    ],
)
def test_values_of_another_range_are_refused(images: np.ndarray, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy) as caught:
        scaled(images)
    assert str(images.shape) in str(caught.value)
    assert f"{images.min():.3g}" in str(caught.value)


@pytest.mark.parametrize("level", [0.05, 0.2, 0.4, 1.0, 2.0])
@pytest.mark.parametrize("clean", [GLYPHS, 1.0 - GLYPHS, 0.0 * GLYPHS, 0.0 * GLYPHS + 0.5])
def test_noise_that_is_not_clipped_is_no_other_range(clean: np.ndarray, level: float) -> None:
    noisy = clean + np.random.default_rng(0).normal(0.0, level, clean.shape)
    np.testing.assert_allclose(scaled(noisy), noisy, atol=1e-6)
    one = noisy[:1, :1, :1]
    np.testing.assert_allclose(scaled(one), one, atol=1e-6)


def test_a_camera_array_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="up to 4,095 are nearly black"):
        scaled((GLYPHS * 4095).astype(np.uint16))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaled((GLYPHS * 65_535).astype(np.uint16))
        scaled(np.zeros((1, 4, 4), np.uint16))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 1, 28, 28), "channels first; pass np.moveaxis"),
        ((2, 3, 28, 40), "channels first"),
        ((28, 30, 3), r"one image \[H, W, C\]; pass images\[None\]"),
        ((28, 28), r"must have shape \[N, H, W\]"),
    ],
)
def test_channels_elsewhere_are_refused(
    denoiser: Denoiser, shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        denoiser(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    "shape",
    [
        (1, 1, 1),
        (1, 3, 200),
        (1, 200, 3),
        (2, 28, 28, 1),
        (1, 3, 3, 3),
        (1, 4, 200, 3),
        (3, 28, 28),
    ],
)
def test_small_images_are_not_taken_for_another_layout(shape: tuple[int, ...]) -> None:
    check_layout(np.zeros(shape))


def test_paths_may_be_text_and_begin_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert RunOptions(workdir="~/run").workdir == tmp_path / "run"
    (tmp_path / "a.png").write_bytes(b"")
    options = DenoiseOptions(source="~/a.png", target=Path("~/b.png"))
    assert (options.source, options.target) == (str(tmp_path / "a.png"), str(tmp_path / "b.png"))
    assert DenoiseOptions(source="~/a.png", target="~/new/").into_folder
    for load in (aedenoise.load, aedenoise.load_generator):
        with pytest.raises(CheckpointError, match=f"workdir {tmp_path}/run does not exist"):
            load("~/run")


def test_a_pickled_denoiser_is_the_same(denoiser: Denoiser) -> None:
    noisy = np.clip(GLYPHS + RNG.normal(0.0, 0.3, GLYPHS.shape), 0.0, 1.0)
    expected = denoiser(noisy)
    content = pickle.dumps(denoiser)
    again = pickle.loads(content)
    np.testing.assert_array_equal(again(noisy), expected)
    assert (again.experiment, again.step) == (denoiser.experiment, denoiser.step)


def test_a_fork_is_told_what_to_do(denoiser: Denoiser, monkeypatch: pytest.MonkeyPatch) -> None:
    content = pickle.dumps(denoiser)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    again = pickle.loads(content)  # without an error, which would hang a pool of processes
    for use in (lambda: denoiser(GLYPHS), lambda: again(GLYPHS), aedenoise.load):
        with pytest.raises(RuntimeError, match=r'get_context\("spawn"\)'):
            use()
    # Forked before the first use of JAX: free to use it.
    forks._first_user.cache_clear()
    try:
        forks.check_not_forked()
    finally:
        forks._first_user.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_pools_of_processes_answer(denoiser: Denoiser, start: str) -> None:
    expected = denoiser(GLYPHS)
    with warnings.catch_warnings():
        # JAX, and Python from 3.12, warn of the fork itself.
        warnings.simplefilter("ignore")
        with multiprocessing.get_context(start).Pool(1) as pool:
            pending = pool.map_async(denoiser, [GLYPHS])
            if start == "fork":
                with pytest.raises(RuntimeError, match="spawn"):
                    pending.get(timeout=60)
            else:
                (found,) = pending.get(timeout=120)
                np.testing.assert_allclose(found, expected, atol=1e-6)
