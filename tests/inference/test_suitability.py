"""Judgement of pictures: what a network is not made for is said once, what it worsens is kept."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import aedenoise
from aedenoise.config.denoise_options import DenoiseOptions
from aedenoise.data.file_notes import Note, group
from aedenoise.data.pictures import read_picture
from aedenoise.errors import Stopped, StorageError, UsageError, report
from aedenoise.inference.denoise_files import denoise_files
from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.noise_estimation import measure_level
from aedenoise.inference.suitability import _sampled

SIDE = 160
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
PAGE = ((ROWS // 5 + COLUMNS // 9) % 4 == 0).astype(np.float32)
STRIPES = (ROWS // 4 % 2).astype(np.float32)
# Soft greys with fine texture, which the packed network turns into black and white.
PHOTOGRAPH = np.float32(
    0.45 + 0.25 * np.sin(ROWS / 19.0) * np.cos(COLUMNS / 13.0) + 0.1 * np.sin(ROWS * COLUMNS / 900)
)


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return aedenoise.load()


def noisy(clean: np.ndarray, level: float) -> np.ndarray:
    values = clean + np.random.default_rng(0).normal(0.0, level, clean.shape)
    return np.uint8(np.round(255.0 * np.clip(values, 0.0, 1.0)))


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("level", [0.05, 0.1, 0.3, 0.6])
@pytest.mark.parametrize(
    "clean", [PHOTOGRAPH, STRIPES, 0.0 * PAGE, 1.0 + 0.0 * PAGE, 0.5 + 0.0 * PAGE, PAGE.T]
)
def test_noise_is_measured_without_a_clean_picture(clean: np.ndarray, level: float) -> None:
    measured = measure_level(np.float32(noisy(clean, level) / 255.0)[..., None])
    # Strokes raise the measure: it may be too high, and never much too low.
    assert 0.9 * level < measured < (3.0 if clean.base is not None else 1.15) * level


def test_noise_is_measured_per_channel() -> None:
    image = np.stack([noisy(PHOTOGRAPH, level) / 255.0 for level in (0.1, 0.2, 0.3)], axis=-1)
    assert measure_level(image) == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("level", [0.02, 0.05])
def test_a_picture_is_kept_where_the_result_is_worse(
    denoiser: Denoiser, tmp_path: Path, capsys: pytest.CaptureFixture[str], level: float
) -> None:
    source = save(tmp_path / "photograph.png", noisy(PHOTOGRAPH, level))
    denoise_files(denoiser, DenoiseOptions(source=str(source)))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "is kept as it is: denoising would change it like noise of level" in lines[0]
    result = read_picture(tmp_path / "photograph-denoised.png").pixels
    np.testing.assert_array_equal(result, read_picture(source).pixels)
    options = DenoiseOptions(
        source=str(source), target=str(tmp_path / "all-the-same.png"), keep_input=False
    )
    denoise_files(denoiser, options)
    assert "is kept as it is" not in capsys.readouterr().err
    assert np.ptp(read_picture(tmp_path / "all-the-same.png").pixels - result) > 0.1


@pytest.mark.parametrize("level", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("clean", [PAGE, 1.0 - PAGE])
def test_noisy_strokes_are_denoised_without_doubt(
    denoiser: Denoiser,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    clean: np.ndarray,
    level: float,
) -> None:
    source = save(tmp_path / "page.png", noisy(clean, level))
    denoise_files(
        denoiser, DenoiseOptions(source=str(source), invert="yes" if clean[0, 0] else "no")
    )
    said = capsys.readouterr().err
    assert "is kept" not in said
    assert "may lose" not in said
    # Strong clipped noise makes dense strokes grey.
    assert said == "" or level > 0.5


def test_thin_strokes_are_warned_of(
    denoiser: Denoiser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thin = ((ROWS % 9 == 4) | ((COLUMNS % 11 == 5) & (ROWS % 18 < 9))).astype(np.float32)
    source = save(tmp_path / "small-type.png", noisy(thin, 0.1))
    denoise_files(denoiser, DenoiseOptions(source=str(source), keep_input=False))
    assert "letters may be changed (enlarge it first)" in capsys.readouterr().err


def test_a_folder_gets_one_line_for_each_kind(
    denoiser: Denoiser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c"):
        save(tmp_path / "scans" / f"{name}.png", noisy(PHOTOGRAPH, 0.3))
    save(tmp_path / "scans" / "paper.png", noisy(1.0 - PAGE, 0.3))
    denoise_files(denoiser, DenoiseOptions(source=str(tmp_path / "scans")))
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("aedenoise: 3 of 4 images have many greys")
    assert lines[0].endswith("a.png")
    assert "paper.png is dark on light" in lines[1]
    assert "4 images denoised" in printed.out


def test_notes_are_counted_by_kind() -> None:
    pages = [Note(f"has {n} pages", "have several pages") for n in (2, 3)]
    lines = group([("a", pages[0]), ("b", Note("is odd", "are odd")), ("c", pages[1])], 9)
    assert lines == ["2 of 9 images have several pages; the first is a", "b is odd"]


def test_large_pictures_are_judged_by_bands() -> None:
    image = np.random.default_rng(0).random((4096, 2048, 1), np.float32)
    some = _sampled(image)
    assert some.shape == (2048, 2048, 1)
    np.testing.assert_array_equal(some[8:16], image[16:24])
    assert _sampled(image[:64]).shape == (64, 2048, 1)


def test_values_of_a_camera_are_denoised_at_their_scale(
    denoiser: Denoiser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "camera.tif"
    Image.fromarray(np.uint16(np.round(noisy(PAGE, 0.3) / 255.0 * 4095))).save(source)
    denoise_files(denoiser, DenoiseOptions(source=str(source)))
    assert "uses 12 of 16 bits: 4,095 is taken for white" in capsys.readouterr().err
    with Image.open(tmp_path / "camera-denoised.png") as image:
        result = np.asarray(image) / 4095.0
    assert result.max() <= 1.0
    assert np.mean(np.square(result - PAGE)) < 0.5 * np.mean(
        np.square(noisy(PAGE, 0.3) / 255.0 - PAGE)
    )


def test_a_reader_that_left_ends_the_command_quietly(
    denoiser: Denoiser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = save(tmp_path / "page.png", noisy(PAGE, 0.3))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(Stopped) as caught:
            denoise_files(denoiser, DenoiseOptions(source=str(source), target="-"))
        pipe.write("what is left goes nowhere")
    monkeypatch.undo()
    assert report(caught.value, debug=False) == 128 + signal.SIGPIPE
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["stdin", "stdout"])
def test_closed_streams_are_named(
    denoiser: Denoiser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sys, name, None)
    source = save(tmp_path / "page.png", noisy(PAGE[:20, :20], 0.3))
    options = DenoiseOptions(source="-" if name == "stdin" else str(source), target="-")
    error, words = {
        "stdin": (UsageError, "standard input is closed"),
        "stdout": (StorageError, "standard output is closed"),
    }[name]
    with pytest.raises(error, match=words):
        denoise_files(denoiser, options)


def test_an_empty_stream_is_no_image(denoiser: Denoiser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(Exception, match="standard input is no image"):
        denoise_files(denoiser, DenoiseOptions(source="-", target="-"))
