"""Folders of noisy pictures: what is kept of the noise, and what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from aedenoise.config import DataConfig
from aedenoise.data.noisy_folder import cut_squares, read_some
from aedenoise.data.reading import Dataset, load
from aedenoise.errors import DataError

RNG = np.random.default_rng(0)


def read(folder: Path, tmp_path: Path, lines: list[str] | None = None, size: int = 16) -> Dataset:
    config = DataConfig(dataset=f"noisy:{folder}", fit="crop", image_size=size)
    return load(config, str(tmp_path / "data"), [].append if lines is None else lines.append)


def noise(*shape: int) -> np.ndarray:
    return RNG.normal(0.5, 0.3, shape).astype(np.float32)


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((np.clip(values, 0, 1) * 255).astype(np.uint8)).save(path)


def test_floats_beyond_black_and_white_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "floats"
    folder.mkdir()
    pictures = [noise(16, 16) for _ in range(12)]
    for number, picture in enumerate(pictures):
        tifffile.imwrite(folder / f"{number:02}.tif", picture)
    found = read(folder, tmp_path)
    images = np.concatenate([found.train.images[:], found.test.images[:]])
    assert images.dtype == np.float32
    assert images.min() < -0.1
    assert images.max() > 1.1
    own = {picture.tobytes() for picture in pictures}
    assert {image.tobytes() for image in images} == own


def test_bytes_stay_bytes_and_squares_are_not_scaled(tmp_path: Path) -> None:
    folder = tmp_path / "bytes"
    ramp = np.tile(np.arange(40, dtype=np.float32) / 255, (36, 1))
    for number in range(6):
        save(folder / f"{number}.png", ramp + number / 255)
    found = read(folder, tmp_path)
    assert found.train.images.dtype == np.uint8
    # 36 x 40 pixels hold 2 x 2 squares of 16; what is over is left at the edges evenly.
    assert len(found.train.images) + len(found.test.images) <= 24
    np.testing.assert_array_equal(np.diff(found.train.images[0, 0, :, 0].astype(int)), 1)


def test_one_picture_is_a_dataset(tmp_path: Path) -> None:
    save(tmp_path / "one" / "only.png", noise(96, 64))
    found = read(tmp_path / "one", tmp_path)
    assert (len(found.train.images), len(found.test.images)) == (20, 4)


def test_what_cannot_be_used_is_named_line_by_line(tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    for number in range(8):
        save(folder / f"{number}.png", noise(20, 20))
    save(folder / "colour.png", noise(20, 20, 3))
    save(folder / "flat.png", np.full((20, 20), 0.5))
    save(folder / "small.png", noise(10, 40))
    (folder / "broken.png").write_bytes(b"<html>")
    lines: list[str] = []
    found = read(folder, tmp_path, lines)
    assert found.train.images.shape[-1] == 1
    assert len(found.train.images) + len(found.test.images) == 8
    for said in (
        "skipped broken.png: is no image of a known format",
        "skipped flat.png: has one colour",
        "skipped small.png: 40 x 10 pixels are too few",
        "skipped 1 picture in colour: most are in grey; train on each kind by itself",
    ):
        assert said in lines


@pytest.mark.parametrize("kind", ["empty", "small", "flat", "missing"])
def test_a_folder_of_nothing_is_refused_in_a_line(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / kind
    if kind != "missing":
        folder.mkdir()
    if kind == "small":
        save(folder / "a.png", noise(10, 10))
    if kind == "flat":
        save(folder / "a.png", np.full((20, 20), 0.5))
    with pytest.raises(DataError) as refused:
        read(folder, tmp_path)
    assert "\n" not in str(refused.value)
    if kind == "small":
        assert "smaller --image_size" in str(refused.value)


def test_given_splits_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "split"
    for number in range(4):
        save(folder / "train" / f"{number}.png", noise(16, 16))
    save(folder / "test" / "a.png", noise(16, 16))
    found = read(folder, tmp_path)
    assert (len(found.train.images), len(found.test.images)) == (4, 1)


def test_squares_lie_around_the_middle() -> None:
    picture = np.arange(50 * 35).reshape(50, 35, 1)
    squares = cut_squares(picture, 16)
    assert len(squares) == 6
    assert squares[0][0, 0, 0] == picture[1, 1, 0]
    assert cut_squares(picture[:15], 16) == []


def test_some_pictures_are_read_for_the_guess(tmp_path: Path) -> None:
    for number in range(30):
        save(tmp_path / f"{number}.png", noise(20, 20))
    (tmp_path / "broken.png").write_bytes(b"")
    images, count, files = read_some(tmp_path, 2000, 10)
    assert len(images) == count
    assert 5 <= count <= 10
    assert files == 31
    assert read_some(tmp_path / "none", 10, 10) == ([], 0, 0)
