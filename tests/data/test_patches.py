"""Patches that are drawn anew in each epoch from whole pictures on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aedenoise.config import DataConfig
from aedenoise.data.batches import TrainBatches
from aedenoise.data.patches import Patches
from aedenoise.data.reading import Dataset, load
from aedenoise.errors import DataError, UsageError

SIZE = 16


def picture(seed: int, height: int, width: int, channels: int = 1) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, np.ndarray]:
    """Writes pictures of several sizes, one of them in colour, and returns them by name."""
    made = {
        "train/a.png": picture(0, 40, 33),
        "train/b.png": picture(1, 16, 90, 3),
        "train/small.png": picture(2, 12, 50),
        "test/c.png": picture(3, 35, 35),
    }
    for name, pixels in made.items():
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return made


def loaded(tmp_path: Path, **options: bool) -> Dataset:
    config = DataConfig(
        dataset=f"folder:{tmp_path / 'pictures'}", fit="patches", image_size=SIZE, **options
    )
    return load(config, str(tmp_path / "data"))


def drawn(dataset: Dataset, epoch: int) -> np.ndarray:
    assert isinstance(dataset.train.images, Patches)
    rows = np.arange(len(dataset.train.images))
    return dataset.train.images.drawn(epoch, seed=5)[rows]


@pytest.mark.usefixtures("pictures")
def test_an_epoch_has_as_many_patches_as_the_pictures_have_squares(tmp_path: Path) -> None:
    lines: list[str] = []
    config = DataConfig(dataset=f"folder:{tmp_path / 'pictures'}", fit="patches", image_size=SIZE)
    dataset = load(config, str(tmp_path / "data"), lines.append)
    assert dataset.train.images.shape == (2 * 2 + 5, SIZE, SIZE, 3)
    assert dataset.test.images.shape == (4, SIZE, SIZE, 3)
    assert len(dataset.train.labels) == 9
    assert any("skipped 1 image with a side below 16 pixels" in line for line in lines)


def test_as_an_array_they_are_the_squares_of_crop(
    tmp_path: Path, pictures: dict[str, np.ndarray]
) -> None:
    images = loaded(tmp_path).train.images
    first = pictures["train/a.png"][4 : 4 + SIZE, :SIZE]
    np.testing.assert_array_equal(images[0:1][0], np.repeat(first[..., None], 3, axis=2))
    assert len(list(iter(images))) == len(images)


def test_patches_are_cut_from_the_pictures_and_differ_between_epochs(
    tmp_path: Path, pictures: dict[str, np.ndarray]
) -> None:
    dataset = loaded(tmp_path)
    wholes = [
        np.broadcast_to(each if each.ndim == 3 else each[..., None], (*each.shape[:2], 3))
        for name, each in pictures.items()
        if name in ("train/a.png", "train/b.png")
    ]
    places = {
        whole[y : y + SIZE, x : x + SIZE].tobytes()
        for whole in wholes
        for y in range(whole.shape[0] - SIZE + 1)
        for x in range(whole.shape[1] - SIZE + 1)
    }
    first, second = drawn(dataset, 0), drawn(dataset, 1)
    assert all(patch.tobytes() in places for patch in (*first, *second))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, drawn(dataset, 0))


@pytest.mark.usefixtures("pictures")
def test_turned_patches_are_in_all_eight_positions(tmp_path: Path) -> None:
    patches = loaded(tmp_path, turned=True).train.images
    assert isinstance(patches, Patches)
    image = np.empty((SIZE, SIZE, 3), np.uint8)
    found = set()
    for turn in range(8):
        patches.draw(image, 7, turn)
        found.add(image.tobytes())
    assert len(found) == 8


def test_turned_squares_in_memory_are_in_all_eight_positions() -> None:
    images = np.random.default_rng(0).random((6, 8, 8, 1), np.float32)
    batches = TrainBatches(images, batch_size=6, seed=3, turned=True)
    plain = TrainBatches(images, batch_size=6, seed=3)
    positions = {
        number: {
            np.rot90(square, times).tobytes()
            for square in (image, image[:, ::-1])
            for times in range(4)
        }
        for number, image in enumerate(images)
    }
    seen: dict[int, set[bytes]] = {number: set() for number in positions}
    for step in range(60):
        batch = batches(step)
        assert batch.image is not None
        np.testing.assert_array_equal(batch.index, plain(step).index)
        for number, image in zip(batch.index.tolist(), batch.image, strict=True):
            seen[number].add(image.tobytes())
    assert seen == positions
    np.testing.assert_array_equal(batches(7).image, batches(7).image)


@pytest.mark.usefixtures("pictures")
def test_batches_are_a_function_of_their_step(tmp_path: Path) -> None:
    images = loaded(tmp_path).train.images
    one, other = (TrainBatches(images, batch_size=4, seed=1) for _ in range(2))
    ahead = [one(step).image for step in range(6)]
    np.testing.assert_array_equal(other(5).image, ahead[5])
    assert not np.array_equal(ahead[0], ahead[3])  # the first of both epochs


@pytest.mark.usefixtures("pictures")
def test_pictures_are_read_once(tmp_path: Path) -> None:
    digest = loaded(tmp_path).digest
    lines: list[str] = []
    config = DataConfig(dataset=f"folder:{tmp_path / 'pictures'}", fit="patches", image_size=SIZE)
    assert load(config, str(tmp_path / "data"), lines.append).digest == digest
    assert not lines


@pytest.mark.usefixtures("pictures")
def test_damaged_pixels_are_named(tmp_path: Path) -> None:
    loaded(tmp_path)
    (raw,) = (tmp_path / "data").rglob("pictures.raw")
    raw.write_bytes(raw.read_bytes()[:-1])
    with pytest.raises(DataError, match="damaged"):
        loaded(tmp_path)


def test_what_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(picture(number, 12, 12)).save(folder / f"{number}.png")
    with pytest.raises(DataError, match="at least one of each"):
        loaded(tmp_path)
    with pytest.raises(UsageError, match="turned is for folder:, noisy: and pairs:"):
        DataConfig(turned=True)
    assert DataConfig(dataset="folder:pictures", fit="crop", turned=True).turned
