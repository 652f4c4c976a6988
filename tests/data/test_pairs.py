"""Pairs of noisy and clean pictures in two folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aedenoise.config import DataConfig, Experiment, ModelConfig, NoiseConfig
from aedenoise.config.overrides import override
from aedenoise.data.patches import Patches
from aedenoise.data.reading import Dataset, load
from aedenoise.errors import DataError, UsageError
from aedenoise.ops.images import pair

SIZE = 16
Folders = dict[str, Path]


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Writes three pairs; the noisy pixel is the clean one plus 100, so that halves are told."""
    made = {name: tmp_path / "scans" / name for name in ("noisy", "clean")}
    rng = np.random.default_rng(0)
    for name, shape in (("train/a", (40, 33)), ("train/b", (20, 50)), ("test/c", (35, 35))):
        pixels = rng.integers(0, 156, shape, np.uint8)
        write(made["clean"] / f"{name}.png", pixels)
        write(made["noisy"] / f"{name}.tif", pixels + np.uint8(100))
    return made


def configured(folders: Folders, **fields: bool) -> DataConfig:
    dataset = f"pairs:{folders['noisy']},{folders['clean']}"
    return DataConfig(dataset=dataset, fit="patches", image_size=SIZE, **fields)


def loaded(folders: Folders, tmp_path: Path, **fields: bool) -> Dataset:
    return load(configured(folders, **fields), str(tmp_path / "data"))


def test_the_noisy_picture_and_its_clean_one_stay_together(
    folders: Folders, tmp_path: Path
) -> None:
    dataset = loaded(folders, tmp_path, turned=True)
    assert dataset.image_shape == (SIZE, SIZE, 1)
    assert isinstance(dataset.train.images, Patches)
    rows = np.arange(len(dataset.train.images))
    for images in (
        dataset.test.images[:],
        dataset.train.images[rows],
        dataset.train.images.drawn(3, seed=1)[rows],
    ):
        noisy, clean = pair(images)
        assert len(images) >= 4
        np.testing.assert_array_equal(noisy, clean + np.uint8(100))
    assert configured(folders).short_name == "scans"


def test_grey_and_coloured_pictures_can_be_mixed(folders: Folders, tmp_path: Path) -> None:
    colour = np.random.default_rng(1).integers(0, 156, (32, 32, 3), np.uint8)
    write(folders["clean"] / "train/a.png", colour)
    write(folders["noisy"] / "train/a.tif", colour[..., 0])
    dataset = loaded(folders, tmp_path)
    assert dataset.image_shape == (SIZE, SIZE, 3)
    noisy, clean = pair(dataset.train.images[np.arange(2)])
    np.testing.assert_array_equal(clean, colour[:16].reshape(16, 2, 16, 3).swapaxes(0, 1))
    np.testing.assert_array_equal(noisy, np.repeat(clean[..., :1], 3, axis=-1))
    noisy, clean = pair(dataset.test.images)  # grey fills the channels of either
    np.testing.assert_array_equal(noisy, clean + np.uint8(100))


def test_a_changed_noisy_picture_is_read_again(folders: Folders, tmp_path: Path) -> None:
    before = loaded(folders, tmp_path).digest
    write(folders["noisy"] / "test/c.tif", np.zeros((35, 35), np.uint8))
    assert loaded(folders, tmp_path).digest != before


def test_pictures_without_a_partner_are_named(folders: Folders, tmp_path: Path) -> None:
    (folders["noisy"] / "train/a.tif").unlink()
    with pytest.raises(
        DataError, match=r"1 picture of .*clean without a partner in .*noisy: train/a;"
    ):
        loaded(folders, tmp_path)
    (folders["clean"] / "train/a.png").rename(folders["noisy"] / "train/a.tif")
    (folders["clean"] / "test/c.png").rename(folders["clean"] / "train/a.png")
    with pytest.raises(
        DataError, match=r"1 picture of .*noisy without a partner in .*clean: test/c;"
    ):
        loaded(folders, tmp_path)


def test_sizes_must_agree(folders: Folders, tmp_path: Path) -> None:
    write(folders["noisy"] / "train/b.tif", np.zeros((20, 51), np.uint8))
    with pytest.raises(DataError, match=r"train/b.png has 50 x 20 pixels .*, but 51 x 20 pixels"):
        loaded(folders, tmp_path)


def test_two_pictures_of_one_name_cannot_both_be_in_a_pair(
    folders: Folders, tmp_path: Path
) -> None:
    write(folders["noisy"] / "train/a.png", np.zeros((40, 33), np.uint8))
    with pytest.raises(DataError, match=r"train/a.png and train/a.tif, of which one"):
        loaded(folders, tmp_path)


def test_a_damaged_or_small_picture_leaves_its_pair_out(folders: Folders, tmp_path: Path) -> None:
    (folders["noisy"] / "train/a.tif").write_bytes(b"no picture")
    for place, suffix in (("clean", "png"), ("noisy", "tif")):
        write(folders[place] / f"train/small.{suffix}", np.zeros((8, 90), np.uint8))
    lines: list[str] = []
    dataset = load(configured(folders), str(tmp_path / "data"), lines.append)
    assert len(dataset.train.images) == 3
    assert "skipped 1 unreadable images: train/a.png" in lines
    assert "skipped 1 images with a side below 16 pixels" in lines


def test_folders_must_be_two(tmp_path: Path) -> None:
    for text, fault in (
        ("scans", "two folders"),
        ("a,b,c", "two folders"),
        ("a,", "two folders"),
        ("a,a", "one folder twice"),
    ):
        with pytest.raises(UsageError, match=fault):
            DataConfig(dataset=f"pairs:{text}", fit="patches")
    with pytest.raises(DataError, match=r"nowhere of pairs:NOISY,CLEAN is not a folder"):
        load(DataConfig(dataset=f"pairs:{tmp_path},{tmp_path / 'nowhere'}", fit="patches"))


def test_pairs_bring_their_settings_and_refuse_others(folders: Folders) -> None:
    data = configured(folders).dataset
    chosen, _ = override(Experiment(), {"data.dataset": data})
    assert chosen.data.fit == "patches"
    assert str(chosen.noise) == "noisy pictures"
    for given, fault in (
        ({"noise.kind": "gaussian", "noise.level": 0.2}, "noisy already"),
        ({"loss": "noise2self"}, "sees no clean images"),
        ({"noise.level": 0.1}, "a noise level contradicts"),
        ({"data.fit": "crop"}, "cut to patches"),
        ({"model.network": "mlp", "greedy_epochs": 1}, "greedy_epochs"),
    ):
        with pytest.raises(UsageError, match=fault):
            override(Experiment(), {"data.dataset": data, **given}, adapt=False)


def test_a_network_conditioned_on_a_level_has_none_in_pairs(folders: Folders) -> None:
    with pytest.raises(UsageError, match="condition noise_level contradicts"):
        Experiment(
            data=configured(folders),
            noise=NoiseConfig(kind="recorded", level=0.0, clip=False),
            model=ModelConfig(condition="noise_level"),
        )
