"""Pictures of half-widths: their numbers, formats and names, and what is never left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from conftest import ROOT
from PIL import Image

import aedenoise
from aedenoise.config.denoise_options import DenoiseOptions
from aedenoise.data.pictures import read_picture
from aedenoise.errors import CheckpointError, StorageError, UsageError
from aedenoise.inference.denoise_files import denoise_files
from aedenoise.inference.denoiser import Denoiser

LETTER = ROOT / "docs" / "samples" / "letter.png"
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return aedenoise.load()


def page(height: int = 72, width: int = 90) -> np.ndarray:
    """Draws noisy light strokes on dark, float32 ``[H, W]`` in [0, 1]."""
    rows, columns = np.mgrid[:height, :width]
    strokes = (rows // 5 + columns // 9) % 4 == 0
    return np.clip(strokes + RNG.normal(0.0, 0.3, strokes.shape), 0.0, 1.0).astype(np.float32)


def run(denoiser: Denoiser, source: Path, target: Path | None = None, **options: object) -> int:
    settings = {"invert": "no", "keep_input": False, **options}
    place = None if target is None else str(target)
    return denoise_files(
        denoiser, DenoiseOptions(source=str(source), target=place, uncertainty=True, **settings)
    )


def half_width(denoiser: Denoiser, source: Path) -> np.ndarray:
    return denoiser.interval(read_picture(source).pixels[None]).half_width[0]


def test_a_grey_picture_has_a_png_of_16_bits(denoiser: Denoiser, tmp_path: Path) -> None:
    run(denoiser, LETTER, tmp_path / "letter.jpg")
    assert {file.name for file in tmp_path.iterdir()} == {"letter.jpg", "letter-uncertainty.png"}
    values = np.asarray(Image.open(tmp_path / "letter-uncertainty.png"))
    assert values.dtype == np.uint16
    expected = half_width(denoiser, LETTER)[..., 0]
    np.testing.assert_allclose(values / 65_535, expected, atol=0.5001 / 65_535)
    assert np.ptp(expected) > 0.1


def test_inversion_does_not_change_half_widths(denoiser: Denoiser, tmp_path: Path) -> None:
    dark = tmp_path / "dark.png"
    pixels = np.asarray(Image.open(LETTER))
    Image.fromarray(255 - pixels).save(dark)
    run(denoiser, LETTER, tmp_path / "a.png")
    run(denoiser, dark, tmp_path / "b.png", invert="yes")
    a, b = (np.asarray(Image.open(tmp_path / f"{name}-uncertainty.png"), np.int64) for name in "ab")
    # A grey level more or less moves few pixels to another bin.
    assert np.mean(np.abs(a - b) > 8) < 0.02


def test_colour_pages_and_floats_have_a_tiff(denoiser: Denoiser, tmp_path: Path) -> None:
    colour = tmp_path / "colour.png"
    Image.fromarray(RNG.integers(0, 256, (20, 30, 3), np.uint8)).save(colour)
    run(denoiser, colour, tmp_path / "a.png")
    values = tifffile.imread(tmp_path / "a-uncertainty.tif")
    assert (values.dtype, values.shape) == (np.uint16, (20, 30, 3))
    expected = half_width(denoiser, colour)
    np.testing.assert_allclose(values / 65_535, expected, atol=0.5001 / 65_535)

    pages = tmp_path / "pages.tif"
    with tifffile.TiffWriter(pages) as writer:
        for size in ((72, 90), (40, 50)):
            writer.write(np.round(255 * page(*size)).astype(np.uint8), photometric="minisblack")
    run(denoiser, pages, tmp_path / "b.tif")
    with tifffile.TiffFile(tmp_path / "b-uncertainty.tif") as file:
        assert [each.shape for each in file.pages] == [(72, 90), (40, 50)]

    # Floats from 100 to 300: a half-width of 1 is the whole range, 200.
    floats = tmp_path / "floats.tif"
    pixels = page()
    pixels.flat[:2] = 0.0, 1.0
    tifffile.imwrite(floats, 100.0 + 200.0 * pixels)
    run(denoiser, floats, tmp_path / "c.tif")
    values = tifffile.imread(tmp_path / "c-uncertainty.tif")
    assert values.dtype == np.float32
    expected = 200.0 * half_width(denoiser, floats)[..., 0]
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-4)


def test_a_kept_picture_has_unknown_half_widths(denoiser: Denoiser, tmp_path: Path) -> None:
    clear = tmp_path / "clear.png"
    # Stripes of one pixel, which this network takes for noise.
    Image.fromarray(np.tile(np.uint8([[90, 160]]), (128, 64))).save(clear)
    run(denoiser, clear, tmp_path / "out.png", keep_input=True)
    np.testing.assert_array_equal(Image.open(tmp_path / "out.png"), Image.open(clear))
    assert np.asarray(Image.open(tmp_path / "out-uncertainty.png")).min() == 65_535


def test_results_of_earlier_calls_are_not_denoised(denoiser: Denoiser, tmp_path: Path) -> None:
    source = tmp_path / "in" / "letter.png"
    source.parent.mkdir()
    source.write_bytes(LETTER.read_bytes())
    run(denoiser, source)
    assert run(denoiser, source.parent, tmp_path / "out") == 1
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"letter.png", "letter-uncertainty.png"}
    assert run(denoiser, source.parent, tmp_path / "out") == 0


def test_files_of_others_are_not_replaced(denoiser: Denoiser, tmp_path: Path) -> None:
    other = tmp_path / "out-uncertainty.tif"
    other.write_bytes(b"mine")
    with pytest.raises(StorageError, match=r"out-uncertainty\.tif already exists; --overwrite"):
        run(denoiser, LETTER, tmp_path / "out.png")
    assert [file.name for file in tmp_path.iterdir()] == [other.name]
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "a-uncertainty.png"):
        (folder / name).write_bytes(LETTER.read_bytes())
    with pytest.raises(StorageError, match="would be written twice; rename its source"):
        run(denoiser, folder, tmp_path / "all")


def test_without_half_widths_there_is_no_result(denoiser: Denoiser, tmp_path: Path) -> None:
    (tmp_path / "out-uncertainty.png").mkdir()
    with pytest.raises(OSError, match="out-uncertainty"):
        run(denoiser, LETTER, tmp_path / "out.png", overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["out-uncertainty.png"]


def test_what_cannot_be_is_refused(denoiser: Denoiser, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="standard output takes one picture"):
        DenoiseOptions(source=str(LETTER), target="-", uncertainty=True)
    other = Denoiser(
        denoiser.model, denoiser.params, experiment=denoiser.experiment, channels=1, step=0
    )
    with pytest.raises(CheckpointError, match="needs a calibration"):
        run(other, LETTER, tmp_path / "out.png")
    assert not any(tmp_path.iterdir())
