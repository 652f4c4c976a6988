"""Pairs of noisy and clean pictures in two folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from PIL import Image
from skimage import data

from aedenoise.config import DataConfig, Experiment, ModelConfig, NoiseConfig
from aedenoise.config.data import pair_folders
from aedenoise.config.options import RunOptions
from aedenoise.config.overrides import override
from aedenoise.data.patches import Patches
from aedenoise.data.reading import Dataset, load
from aedenoise.errors import DataError, UsageError
from aedenoise.ops.images import pair
from aedenoise.runs.train import train
from aedenoise.training.workdir import Workdir

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
        DataError,
        match=r"1 picture of .*clean without a partner in .*noisy: train/a; names must be equal",
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
    assert any(
        line.startswith("skipped 1 unreadable image: train/a.png of ")
        and line.endswith("/noisy/train is no image of a known format")
        for line in lines
    )
    assert "skipped 1 image with a side below 16 pixels" in lines


def test_folders_must_be_two(tmp_path: Path) -> None:
    for text, fault in (
        ("scans", "two folders"),
        ("a,b,c", "two folders"),
        ("a,", "two folders"),
        ("a, ", "two folders"),
        ("a,a", "one folder twice"),
    ):
        with pytest.raises(UsageError, match=fault):
            DataConfig(dataset=f"pairs:{text}", fit="patches")
    with pytest.raises(DataError, match=r"nowhere of pairs:NOISY,CLEAN is not a folder"):
        load(DataConfig(dataset=f"pairs:{tmp_path},{tmp_path / 'nowhere'}", fit="patches"))


def test_blanks_around_the_folders_are_dropped(tmp_path: Path) -> None:
    assert pair_folders(f" {tmp_path} , {tmp_path}/b ") == (tmp_path, tmp_path / "b")


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_one_pair_is_too_few(tmp_path: Path, suffix: str) -> None:
    for name in ("noisy", "clean"):
        write(tmp_path / "scans" / name / f"a.{suffix}", np.zeros((40, 40), np.uint8))
    dataset = f"pairs:{tmp_path / 'scans/noisy'},{tmp_path / 'scans/clean'}"
    with pytest.raises(DataError, match=r"holds one picture; pairs need two or more, .*: cut both"):
        load(DataConfig(dataset=dataset, fit="patches"), str(tmp_path / "data"))


@pytest.mark.parametrize(
    ("name", "meant"),
    [("folders:tr/clean", "folder:"), ("pair:a,b", "pairs:"), ("Noisy:a", "noisy:")],
)
def test_a_misspelt_prefix_is_answered_with_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean '{meant}'"):
        DataConfig(dataset=name)


def test_pairs_bring_their_settings_and_refuse_others(folders: Folders) -> None:
    dataset = configured(folders).dataset
    chosen, _ = override(Experiment(), {"data.dataset": dataset})
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
            override(Experiment(), {"data.dataset": dataset, **given}, adapt=False)


def test_a_network_conditioned_on_a_level_has_none_in_pairs(folders: Folders) -> None:
    with pytest.raises(UsageError, match="condition noise_level contradicts"):
        Experiment(
            data=configured(folders),
            noise=NoiseConfig(kind="recorded", level=0.0, clip=False),
            model=ModelConfig(condition="noise_level"),
        )


def photographs(folder: Path) -> str:
    """Writes pairs of pieces of a photograph, and returns the dataset."""
    clean = data.camera()[100:420, 100:420].astype(np.float64)
    for number in range(4):
        piece = clean[80 * number : 80 * number + 80]
        noisy = np.clip(piece + np.random.default_rng(number).normal(0, 30, piece.shape), 0, 255)
        write(folder / "clean" / f"{number}.png", piece.astype(np.uint8))
        write(folder / "noisy" / f"{number}.png", noisy.astype(np.uint8))
    return f"--dataset=pairs:{folder / 'noisy'},{folder / 'clean'}"


SMALL = ("--image_size=32", "--encoder_features=4,4", "--decoder_features=4,4", "--nobaselines")


@pytest.mark.end_to_end
@pytest.mark.slow
def test_pairs_of_photographs_get_their_recipe(command: Command, tmp_path: Path) -> None:
    dataset, run = photographs(tmp_path), tmp_path / "run"
    flags = (dataset, *SMALL, f"--workdir={run}")
    done = command(*flags, "--epochs=2", "--batch_size=4")
    assert done.returncode == 0, done.stderr
    assert (
        f"{tmp_path / 'clean'} holds photographs (4 of the 4 looked at): --fit=patches --turned"
    ) in done.stdout
    made = Workdir(run).read_experiment()
    assert (made.data.turned, made.model.skip, made.loss) == (True, "concat", "charbonnier")
    assert (made.data.image_size, made.epochs, made.batch_size) == (32, 2, 4)
    assert str(made.noise) == "noisy pictures"
    # The same command goes on, or has nothing to do.
    done = command(*flags, "--epochs=2", "--batch_size=4")
    assert done.returncode == 0, done.stderr
    assert Workdir(run).read_experiment() == made


@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_run_begun_without_the_recipe_keeps_its_settings(
    command: Command, data_dir: str, tmp_path: Path
) -> None:
    dataset, run = photographs(tmp_path), tmp_path / "run"
    given = {
        "data.dataset": dataset.partition("=")[2],
        "data.image_size": 32,
        "model.encoder_features": (4, 4),
        "model.decoder_features": (4, 4),
        "epochs": 1,
    }
    begun, _ = override(Experiment(), given)
    train(begun, RunOptions(workdir=run, data_dir=data_dir, baselines=False))
    done = command(dataset, *SMALL, "--epochs=1", f"--workdir={run}")
    assert done.returncode == 0, done.stderr
    assert "holds photographs" not in done.stdout
    assert Workdir(run).read_experiment() == begun
    done = command(dataset, *SMALL, "--epochs=1", f"--workdir={run}", "--overwrite")
    assert done.returncode == 0, done.stderr
    assert "holds photographs" in done.stdout
    assert Workdir(run).read_experiment().model.skip == "concat"
