"""Floats and more than 8 bits in folders of clean pictures and in pairs: read as for denoising."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from aedenoise.config import DataConfig
from aedenoise.data.page_reading import flatten, read_pages
from aedenoise.data.patches import Patches
from aedenoise.data.pixels import Picture, from_floats, from_integers, scale_alike
from aedenoise.data.reading import Dataset, load
from aedenoise.ops.images import pair

KINDS = ("8 bits", "floats", "12 of 16 bits", "16 bits")
# Camera pictures use their whole range; the depth is guessed from the largest value.
PICTURES = [np.random.default_rng(i).integers(0, 256, (40, 48, 3), np.uint8) for i in range(3)]


def write(path: Path, pixels: np.ndarray, kind: str, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = {"photometric": "rgb" if pixels.ndim == 3 else "minisblack", **options}
    if kind == "8 bits":
        Image.fromarray(pixels).save(path.with_suffix(".png"))
        return
    values = {
        "floats": np.float32(pixels / 255.0),
        "12 of 16 bits": np.round(pixels * (4095 / 255)).astype(np.uint16),
        "16 bits": pixels.astype(np.uint16) * 257,
    }[kind]
    tifffile.imwrite(path.with_suffix(".tif"), values, metadata=None, **colour)


def write_all(folder: Path, kind: str, *, colour: bool) -> Path:
    for number, pixels in enumerate(PICTURES):
        split = "train" if number < 2 else "test"
        write(folder / split / str(number), pixels if colour else pixels[..., 0], kind)
    return folder


def squares(dataset: str, folder: Path, fit: str, lines: list[str] | None = None) -> np.ndarray:
    config = DataConfig(dataset=dataset, fit=fit, image_size=16)
    found: Dataset = load(config, str(folder), (lines if lines is not None else []).append)
    return np.concatenate([found.train.images[:], found.test.images[:]]).astype(int)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("fit", ["resize", "crop", "patches"])
def test_every_depth_gives_the_same_squares(tmp_path: Path, fit: str, colour: bool) -> None:
    found = {
        kind: squares(
            f"folder:{write_all(tmp_path / kind.replace(' ', ''), kind, colour=colour)}",
            tmp_path / "data",
            fit,
        )
        for kind in KINDS
    }
    assert found["8 bits"].shape[-1] == (3 if colour else 1)
    assert found["8 bits"].std() > 20
    for kind in KINDS[1:]:
        assert found[kind].shape == found["8 bits"].shape
        assert np.abs(found[kind] - found["8 bits"]).max() <= 1, kind


@pytest.mark.parametrize("colour", [False, True])
def test_every_depth_gives_the_same_pairs(tmp_path: Path, colour: bool) -> None:
    clean = write_all(tmp_path / "clean", "8 bits", colour=colour)
    expected = squares(f"folder:{clean}", tmp_path / "data", "patches")
    for kind in KINDS:
        noisy = write_all(tmp_path / kind.replace(" ", ""), kind, colour=colour)
        for dataset in (f"pairs:{noisy},{clean}", f"pairs:{clean},{noisy}"):
            for half in pair(squares(dataset, tmp_path / "data", "patches")):
                assert np.abs(half - expected).max() <= 1, kind


def test_a_line_says_how_a_range_was_chosen(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "mine", "12 of 16 bits", colour=False)
    write(folder / "train/floats", PICTURES[0][..., 1], "floats")
    tifffile.imwrite(folder / "train/counts.tif", np.float32([[-50.0, 900.0]] * 2).repeat(20, 0))
    tifffile.imwrite(folder / "train/nothing.tif", np.full((20, 20), np.nan, np.float32))
    lines: list[str] = []
    squares(f"folder:{folder}", tmp_path / "data", "resize", lines)
    for line in (
        "3 of 6 images use fewer than 16 bits: the largest value of their depth is taken for "
        "white; the first is test/2.tif",
        "train/counts.tif has floats from -50 to 900: the lowest is taken for black, the highest "
        "for white",
        "skipped 1 unreadable image: train/nothing.tif has pixels that are not finite numbers of "
        "32 bits",
    ):
        assert line in lines


def test_floats_beyond_black_and_white_are_clipped(tmp_path: Path) -> None:
    values = np.float32([[-0.5, 0.0, 0.5], [1.0, 1.5, 0.2]])
    tifffile.imwrite(tmp_path / "a.tif", values)
    pages = read_pages(tmp_path / "a.tif", np.array)
    np.testing.assert_array_equal(pages.results[0], [[0, 0, 128], [255, 255, 51]])
    assert "0 is taken for black, 1 for white" in pages.notes[0].one


def test_orientation_and_transparency_of_deep_pages(tmp_path: Path) -> None:
    pixels = PICTURES[0]
    write(tmp_path / "a", pixels, "16 bits", extratags=[(274, "H", 1, 6, True)])
    (found,) = read_pages(tmp_path / "a.tif", np.array).results
    np.testing.assert_array_equal(found, np.rot90(pixels, -1))
    opacity = np.zeros((40, 48, 1), np.uint8)
    opacity[:20] = 255
    alpha = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
    write(tmp_path / "b", np.dstack([pixels, opacity]), "16 bits", **alpha)
    (found,) = read_pages(tmp_path / "b.tif", np.array).results
    np.testing.assert_array_equal(found[:20], pixels[:20])
    assert (found[20:] == 255).all()


def test_deep_pages_of_every_kind_in_one_file(tmp_path: Path) -> None:
    grey = PICTURES[0][..., 0]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for values in (grey, grey / np.float32(255.0), grey.astype(np.uint16) * 257):
            writer.write(values, photometric="minisblack", metadata=None)
        writer.write(PICTURES[0] / np.float32(255.0), photometric="rgb", metadata=None)
        writer.write(np.zeros((40, 48), np.complex64), photometric="minisblack", metadata=None)
    pages = read_pages(tmp_path / "a.tif", np.array)
    assert (len(pages.results), pages.unreadable) == (4, [5])
    for found in pages.results[:3]:
        np.testing.assert_array_equal(found, grey)
    np.testing.assert_array_equal(pages.results[3], PICTURES[0])


def test_both_pictures_of_a_pair_have_one_range() -> None:
    clean = np.random.default_rng(0).integers(0, 1001, (40, 40, 1))
    noisy = clean + np.random.default_rng(1).integers(-90, 91, clean.shape)
    found = scale_alike(from_integers(noisy, None), from_integers(clean, None))
    assert [flat(each).mean() for each in found] == pytest.approx([31.1, 31.1], abs=1.0)
    # Counts: 0 is not black in both, for the noisy picture is negative in places.
    found = scale_alike(from_floats(noisy * 1.0), from_floats(clean * 1.0))
    difference = found[0].pixels - found[1].pixels
    assert np.abs(difference * np.ptp(noisy) - (noisy - clean)).max() < 0.1
    # One exposure was scaled to 16 bits and the other was not.
    found = scale_alike(from_integers(noisy.clip(0, 1023), None), from_integers(clean * 64, None))
    assert [flat(each).mean() for each in found] == pytest.approx([128.0, 128.0], abs=2.0)


def flat(picture: Picture) -> np.ndarray:
    return np.asarray(flatten(picture), np.float64)


def test_patches_stay_on_disk_as_bytes(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "mine", "floats", colour=True)
    config = DataConfig(dataset=f"folder:{folder}", fit="patches", image_size=16)
    images = load(config, str(tmp_path / "data")).train.images
    assert isinstance(images, Patches)
    assert images[:].dtype == np.uint8
