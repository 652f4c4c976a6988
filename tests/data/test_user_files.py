"""A user's own images: folders, NumPy files, and messages about invalid ones."""

from __future__ import annotations

import json
import shutil
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from PIL import Image
from skimage import data

from aedenoise.config import DataConfig
from aedenoise.data.arrays import make_dataset
from aedenoise.data.classes import name_classes
from aedenoise.data.reading import Dataset, load
from aedenoise.errors import DataError

WORDS = np.random.default_rng(0)


def photographs(folder: Path, count: int = 12) -> Path:
    """Writes crops of real photographs, of mixed sizes and formats, grey and colour."""
    sources = [data.astronaut(), data.camera(), data.coffee(), data.chelsea()]
    # Of its own, so that the crops do not depend on the tests before.
    sizes = np.random.default_rng(count + 5)
    for i in range(count):
        image = sources[i % len(sources)]
        height, width = (int(n) for n in sizes.integers(70, 200, 2))
        top, left = 7 * i, 5 * i
        cut = Image.fromarray(image[top : top + height, left : left + width])
        place = folder / ("animals" if i % 4 == 3 else "other")
        place.mkdir(parents=True, exist_ok=True)
        cut.save(place / f"{i:03}.{('jpg', 'png', 'webp', 'bmp')[i % 4]}")
    return folder


def read(dataset: str, tmp_path: Path, lines: list[str] | None = None, **fields: object) -> Dataset:
    config = DataConfig(dataset=dataset, **fields)
    return load(config, str(tmp_path / "data"), [].append if lines is None else lines.append)


def test_a_folder_of_photographs(tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", 24)
    (folder / "notes.txt").write_text("not an image")
    (folder / "other" / "broken.png").write_bytes(b"<html>")
    lines: list[str] = []
    dataset = read(f"folder:{folder}", tmp_path, lines)
    assert dataset.train.images.shape[1:] == (64, 64, 3)
    assert dataset.label_names == ("animals", "other")
    assert dataset.facts["unreadable"] == ["other/broken.png"]
    assert len(dataset.train.images) + len(dataset.test.images) == 24
    assert any("skipped 1 unreadable image: other/broken.png " in line for line in lines)
    lines.clear()
    assert read(f"folder:{folder}", tmp_path, lines).digest == dataset.digest
    assert lines == []
    # Changed files are read again, and the previous copy is removed.
    (folder / "other" / "broken.png").unlink()
    assert read(f"folder:{folder}", tmp_path, lines).facts["unreadable"] == []
    assert len(list((tmp_path / "data").rglob("digest.json"))) == 1


def test_a_grey_folder_stays_grey_and_squares_are_cut_as_stated(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(100, dtype=np.uint8), (40, 1))
    folder = tmp_path / "ramps"
    folder.mkdir()
    for i in range(8):
        Image.fromarray(ramp + np.uint8(i)).save(folder / f"{i}.png")
    cropped = read(f"folder:{folder}", tmp_path, image_size=16, fit="crop")
    images = np.concatenate([cropped.train.images[:], cropped.test.images[:]])
    # 100 x 40 pixels hold 6 x 2 squares of 16; what is over is left at the edges evenly.
    assert images.shape == (8 * 6, 16, 16, 1) or images.shape[1:] == (16, 16, 1)
    first = cropped.train.images[0, 0, :, 0].astype(int)
    np.testing.assert_array_equal(np.diff(first), 1)
    resized = read(f"folder:{folder}", tmp_path, image_size=20)
    columns = resized.train.images[0, 10, :, 0].astype(int)
    assert resized.train.images.shape[1:] == (20, 20, 1)
    np.testing.assert_allclose(np.diff(columns), 2, atol=1)  # half the size
    assert abs(columns.mean() - resized.train.images[0].mean()) < 1


def test_given_splits_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    photographs(folder / "train", 8)
    photographs(folder / "test", 4)
    dataset = read(f"folder:{folder}", tmp_path)
    left_out = dataset.facts["left_out_of_test"]
    assert (len(dataset.train.images), len(dataset.test.images) + left_out) == (8, 4)
    assert dataset.label_names == ("animals", "other")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "I;16", "CMYK"])
def test_every_kind_of_image_is_read(tmp_path: Path, mode: str) -> None:
    folder = tmp_path / "kinds"
    folder.mkdir()
    source = Image.fromarray(data.astronaut()[:80, :80])
    for i in range(3):
        turned = source.rotate(90 * i)
        if mode == "I;16":
            wide = np.asarray(turned.convert("L")).astype(np.uint16) * 257
            Image.fromarray(wide).save(folder / f"{i}.png")
        elif mode == "CMYK":
            turned.convert(mode).save(folder / f"{i}.jpg")
        else:
            turned.convert(mode).save(folder / f"{i}.png")
    dataset = read(f"folder:{folder}", tmp_path, image_size=32)
    grey = mode in ("1", "I;16")
    assert dataset.train.images.shape[1:] == (32, 32, 1 if grey else 3)
    assert 20 < dataset.train.images.mean() < 235


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda p: None, DataError, "is not a folder"),
        (lambda p: p.mkdir(), DataError, "holds 0 images"),
        (lambda p: (p.mkdir(), *((p / f"{i}.png").write_bytes(b"x") for i in range(3))),
         DataError, "none of the 3 images"),
    ],
)  # fmt: skip
def test_folders_that_will_not_do(tmp_path: Path, make, error, words: str) -> None:
    make(tmp_path / "folder")
    with pytest.raises(error, match=words):
        read(f"folder:{tmp_path / 'folder'}", tmp_path)


def _digits(count: int) -> np.ndarray:
    return WORDS.integers(0, 256, (count, 28, 28), dtype=np.uint8)


NPZ = {
    "as Keras": {
        "x_train": _digits(5),
        "y_train": np.arange(5),
        "x_test": _digits(2),
        "y_test": np.arange(2),
    },
    "one array": {"images": _digits(20)},
    "one array, labelled": {"image": _digits(20), "label": np.arange(20) % 3},
    "floats": {"train": _digits(5) / 255.0, "test": _digits(2) / 255.0},
    "bools": {"train": _digits(5) > 99, "test": _digits(2) > 99},
    "colour": {"images": WORDS.integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)},
}


@pytest.mark.parametrize("name", NPZ)
def test_numpy_files(tmp_path: Path, name: str) -> None:
    arrays = NPZ[name]
    np.savez(tmp_path / "mine.npz", **arrays)
    dataset = read(f"npz:{tmp_path / 'mine.npz'}", tmp_path)
    images = next(iter(arrays.values()))
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.images.shape[-1] == (3 if name == "colour" else 1)
    if name == "as Keras":
        np.testing.assert_array_equal(dataset.train.images[..., 0], images)
        assert dataset.test.labels.tolist() == [0, 1]
    if name == "floats":
        np.testing.assert_array_equal(dataset.train.images[..., 0] / 255.0, images)


BAD_NPZ = {
    "nothing known": ({"a": _digits(3)}, r"holds a; expected x_train"),
    "objects": ({"images": np.array([object()] * 3)}, "is no .npz"),
    "flat": ({"images": _digits(4).reshape(4, -1)}, "expected \\[N, H, W\\]"),
    "channels": ({"images": np.zeros((9, 3, 28, 28), np.uint8)}, "1 or 3 channels"),
    "beyond [0, 1]": ({"images": _digits(9).astype(np.float32)}, "floats in \\[0, 1\\]"),
    "not numbers": ({"images": np.full((9, 8, 8), np.nan)}, "floats in \\[0, 1\\]"),
    "labels": ({"images": _digits(9), "labels": np.arange(4)}, "4 labels"),
    "sizes": ({"train": _digits(9), "test": np.zeros((2, 14, 14), np.uint8)}, "different sizes"),
    "one image": ({"images": _digits(1)}, "at least one of each"),
}


@pytest.mark.parametrize("name", BAD_NPZ)
def test_numpy_files_that_will_not_do(tmp_path: Path, name: str) -> None:
    arrays, words = BAD_NPZ[name]
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(DataError, match=words):
        read(f"npz:{tmp_path / 'mine.npz'}", tmp_path)
    assert not list((tmp_path / "data").rglob("*.npy"))


LABELS = {
    "unlabelled": (np.arange(20) % 3 - 1, ("-1", "0", "1")),
    "ids": (np.arange(20) * 10**8, tuple(str(i * 10**8) for i in range(20))),
    "unsigned": (np.full(20, 2**64 - 1, np.uint64), ()),
    "a missing class": (np.arange(20) % 2 * 3, ("0", "1", "2", "3")),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_of_every_kind_are_classes(tmp_path: Path, name: str) -> None:
    labels, names = LABELS[name]
    np.savez(tmp_path / "mine.npz", images=_digits(20), labels=labels)
    lines: list[str] = []
    dataset = read(f"npz:{tmp_path / 'mine.npz'}", tmp_path, lines)
    assert dataset.label_names == names
    found = np.concatenate([dataset.train.labels, dataset.test.labels])
    assert set(found.tolist()) <= set(range(max(1, len(names))))
    assert any("become" in line for line in lines) == (name != "a missing class")
    images, given = _digits(20), np.abs(labels.astype(np.int64))
    dataset = make_dataset(((images, given), (images, given)))
    assert len(dataset.label_names) <= 20


def test_given_names_hold_for_the_labels_that_have_one() -> None:
    labels, names = name_classes(np.array([-1, 1, 0, 1]), ["cat", "dog"])
    assert names == ("-1", "cat", "dog")
    assert labels.tolist() == [0, 2, 1, 2]
    with pytest.raises(DataError, match="70,000 distinct labels, more than 65,536; leave them out"):
        name_classes(np.arange(70_000))


def test_a_file_that_unpacks_to_more_than_the_budget_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, images=np.zeros((3_000, 28, 28), np.uint8), junk=np.zeros(10**6))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"unpacks to 2 MB, more than --memory_budget=1; raise it"):
        load(f"npz:{path}", str(tmp_path / "data"), memory_budget=2**20)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    # Arrays that are not used are not unpacked, so they may be large.
    np.savez_compressed(path, images=_digits(20), junk=np.zeros(10**6))
    assert load(f"npz:{path}", str(tmp_path / "data"), memory_budget=2**20).label_names == ()


def _with_header(path: Path, shape: tuple[int, ...], dtype: str = "|u1") -> Path:
    """Writes an ``.npz`` whose header claims ``shape``, with little data."""
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    with zipfile.ZipFile(path, "w") as members, members.open("images.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, header)
        member.write(bytes(100))
    return path


@pytest.mark.parametrize("shape", [(10**12, 28, 28), (10, 28, 28), (-1, 28, 28), (2**62, 2**62)])
def test_headers_that_lie_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = _with_header(tmp_path / "mine.npz", shape)
    with pytest.raises(DataError, match=r"is no \.npz"):
        read(f"npz:{path}", tmp_path)


def test_copies_whose_header_lies_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", images=_digits(20))
    before = read(f"npz:{tmp_path / 'mine.npz'}", tmp_path)
    copy = next((tmp_path / "data").rglob("train_image.npy"))
    with open(copy, "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (10**12,)}
        np.lib.format.write_array_header_1_0(file, header)
    lines: list[str] = []
    assert read(f"npz:{tmp_path / 'mine.npz'}", tmp_path, lines).digest == before.digest
    assert "damaged" in lines[0]


def test_files_that_are_no_npz(tmp_path: Path) -> None:
    (tmp_path / "page.npz").write_bytes(b"<html>")
    np.savez(tmp_path / "cut.npz", images=_digits(50))
    content = (tmp_path / "cut.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])
    for name in ("page", "cut"):
        with pytest.raises(DataError, match=r"is no \.npz"):
            read(f"npz:{tmp_path / name}.npz", tmp_path)
    with pytest.raises(DataError, match="is not a file"):
        read(f"npz:{tmp_path / 'none'}.npz", tmp_path)


@pytest.mark.end_to_end
@pytest.mark.slow
def test_colour_photographs_from_training_to_a_denoised_figure(
    command: Command, tmp_path: Path
) -> None:
    folder = photographs(tmp_path / "photos", 24)
    flags = ["--fit=crop", "--image_size=32", "--epochs=1", "--encoder_features=4,4"]
    run = tmp_path / "run"
    done = command(
        f"--dataset=folder:{folder}", *flags, "--decoder_features=4,4", f"--workdir={run}"
    )
    assert done.returncode == 0, done.stderr
    assert "32 x 32 x 3" in done.stdout
    results = json.loads((run / "results.json").read_text())
    assert np.isfinite(results["eval"]["ssim"])
    assert (run / "figures" / "denoised.png").exists()


@pytest.mark.end_to_end
def test_the_mode_that_says_what_a_dataset_is(command: Command, tmp_path: Path) -> None:
    done = command("--mode=data", "--dataset=notmnist", f"--workdir={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("1,547") >= 10  # as many of every class
    for words in (
        "digest ",
        "pixel mean 0.41",
        "duplicate images: 0 in the training split, 0 in the test split",
    ):
        assert words in done.stdout
    with Image.open(tmp_path / "notmnist-open.png") as sheet:
        assert sheet.width > 800
    folder = photographs(tmp_path / "photos", 6)
    done = command("--mode=data", f"--dataset=folder:{folder}", f"--workdir={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert "holds photographs (4 of the 6 looked at): --fit=patches" in done.stdout
    assert "64 x 64, colour" in done.stdout
    pairs = f"pairs:{shutil.copytree(folder, tmp_path / 'noisy')},{folder}"
    done = command("--mode=data", f"--dataset={pairs}", f"--workdir={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert "photos holds photographs (4 of the 6 looked at): --fit=patches" in done.stdout
    assert "--skip=concat" in done.stdout
    assert "--noise" not in done.stdout
    done = command("--mode=data", f"--dataset=folder:{tmp_path / 'none'}", cwd=tmp_path)
    assert done.returncode == 3
    assert "is not a folder" in done.stderr
    done = command("--mode=data", "--dataset=photos", cwd=tmp_path)
    assert "write folder:photos" in done.stderr
    done = command("--mode=data", "--dataset=notmnist", "--workdir=/proc/x", cwd=tmp_path)
    assert done.returncode == 5
    assert "cannot write /proc/x/notmnist-open.png" in done.stderr
    assert not (tmp_path / "sheets").exists()
