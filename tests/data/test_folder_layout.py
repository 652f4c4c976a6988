"""Layouts of image folders: splits by name, links, hidden folders, pages, formats."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aedenoise.config import DataConfig
from aedenoise.data.folder_layout import find_images, find_splits
from aedenoise.data.image_folder import cut_squares
from aedenoise.data.images import FORMATS, SUFFIXES, UnreadableImageError
from aedenoise.data.page_reading import read_pages
from aedenoise.data.reading import Dataset, load
from aedenoise.errors import DataError

COUNT = iter(range(10**6))


def glyph() -> np.ndarray:
    """Returns an image that no other call returns."""
    return np.random.default_rng(next(COUNT)).integers(0, 256, (20, 20), dtype=np.uint8)


def fill(folder: Path, *names: str) -> Path:
    """Writes different images under these names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(glyph()).save(folder / name)
    return folder


def stack(path: Path, pages: int) -> Path:
    """Writes a TIFF of several pages."""
    first, *others = (Image.fromarray(glyph()) for _ in range(pages))
    first.save(path, save_all=True, append_images=others)
    return path


def read(folder: Path, lines: list[str] | None = None, **fields: object) -> Dataset:
    config = DataConfig(dataset=f"folder:{folder}", image_size=16, **fields)
    lines = [] if lines is None else lines
    return load(config, str(folder.parent / "data"), lines.append)


def total(dataset: Dataset) -> int:
    return len(dataset.train.images) + len(dataset.test.images)


def test_suffixes_are_those_that_pillow_knows() -> None:
    Image.init()
    known = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}
    assert set(SUFFIXES) == known


@pytest.mark.parametrize(
    ("names", "train", "test", "words"),
    [
        (("train", "test"), "train", "test", ""),
        (("Train", "TEST"), "Train", "TEST", "Train is for training, TEST for testing"),
        (("training", "val"), "training", "val", "training is for training, val for testing"),
        (("train", "test", "val"), "train", "test", "left out all but train and test: val/ (2)"),
        (("train", "test", "train_cleaned"), "train", "test", "train_cleaned/ (2)"),
        (("train", "bus"), None, None, "there is train but no test: all folders are classes"),
        (("a", "test"), None, None, "there is test but no train"),
        (("a/train", "a/test"), None, None, "a/test, a/train are no splits"),
        (("a", "b"), None, None, ""),
    ],
)
def test_splits_are_found_by_their_names(
    tmp_path: Path, names: tuple[str, ...], train: str | None, test: str | None, words: str
) -> None:
    fill(tmp_path, *(f"{name}/{i}.png" for name in names for i in range(2)))
    splits = find_splits(tmp_path, find_images(tmp_path))
    assert (splits.train, splits.test) == (train, test)
    assert words in "; ".join(splits.notes)
    assert bool(splits.notes) == bool(words)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("train", "train_cleaned"), "train and train_cleaned, but no test"),
        (("train", "valid", "val"), "val and valid, which are one split"),
        (("training", "train", "test"), "train and training, which are one split"),
    ],
)
def test_ambiguous_splits_are_refused(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    fill(tmp_path, *(f"{name}/0.png" for name in names))
    with pytest.raises(DataError, match=words):
        find_splits(tmp_path, find_images(tmp_path))


def test_only_the_splits_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    names = (f"{split}/{i}.png" for split in ("Train", "Test", "Train_cleaned") for i in range(3))
    fill(folder, *names, "cover.png")
    lines: list[str] = []
    dataset = read(folder, lines)
    assert (len(dataset.train.images), len(dataset.test.images)) == (3, 3)
    assert dataset.facts["files"] == 6
    assert "Train_cleaned/ (3), files outside of folders (1)" in "\n".join(lines)


def test_files_of_cameras_and_phones_are_counted(tmp_path: Path) -> None:
    folder = fill(tmp_path / "mine", "a/1.png", "a/2.png", "b/3.png")
    for name in ("a/1.CR2", "b/x.heic", "b/._x.heic"):
        (folder / name).write_bytes(b"raw")
    notes = find_images(folder).notes()
    assert len(notes) == 1
    assert notes[0].startswith("2 files of cameras or phones cannot be read and are skipped")
    assert "(a/1.CR2, b/x.heic): develop or convert to" in notes[0]


def test_hidden_folders_are_no_classes(tmp_path: Path) -> None:
    hidden = (".ipynb_checkpoints/x.png", "__MACOSX/a/x.png", "a/.thumbnails/x.png", "a/._1.png")
    folder = fill(tmp_path / "mine", "a/1.png", "b/2.png", "b/3.png", *hidden)
    lines: list[str] = []
    dataset = read(folder, lines)
    assert (dataset.label_names, total(dataset)) == (("a", "b"), 3)
    assert "left out 3 hidden folders" in lines


def test_linked_folders_are_classes_and_circles_end(tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", "1.png", "2.png")
    folder = fill(tmp_path / "mine", "a/1.png", "a/2.png")
    (folder / "b").symlink_to(tmp_path / "elsewhere")
    (folder / "c").symlink_to(folder / "a")
    (folder / "a" / "around").symlink_to(tmp_path)
    (folder / "a" / "loop").symlink_to("loop")
    (folder / "d").symlink_to(tmp_path / "nothing")
    (folder / "a" / "gone.png").symlink_to(tmp_path / "nothing.png")
    lines: list[str] = []
    dataset = read(folder, lines)
    assert (dataset.label_names, total(dataset)) == (("a", "b"), 4)
    assert "left out links to folders that are read anyway: c, a/around" in lines
    assert any("d (a link to nothing)" in line for line in lines)
    assert any("a/gone.png (a link to nothing)" in line for line in lines)


def test_a_folder_without_images_says_what_was_left_out(tmp_path: Path) -> None:
    folder = fill(tmp_path / "mine", ".hidden/1.png", ".hidden/2.png")
    with pytest.raises(DataError, match=r"holds 0 images; .*; left out 1 hidden folders"):
        read(folder)


def test_every_page_of_a_tiff_is_an_image(tmp_path: Path) -> None:
    folder = tmp_path / "stacks"
    folder.mkdir()
    for name in "abc":
        stack(folder / f"{name}.tif", 40)
    lines: list[str] = []
    dataset = read(folder, lines)
    assert total(dataset) == 120
    assert len(dataset.test.images) in (40, 80)  # pages stay together
    assert "every page is an image: 120 in 3 files" in lines


def test_one_tiff_is_a_dataset(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    stack(folder / "stack.TIFF", 12)
    dataset = read(folder)
    assert (len(dataset.train.images), len(dataset.test.images)) == (10, 2)


def test_smaller_versions_and_damaged_pages(tmp_path: Path) -> None:
    path = tmp_path / "pyramid.tif"
    first, second = (Image.fromarray(glyph()) for _ in range(2))
    thumbnail = second.resize((5, 5))
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
    first.save(path, save_all=True, append_images=[thumbnail, second])
    pages = read_pages(path, lambda image: image.size)
    assert pages.results == [(20, 20), (20, 20)]
    content = stack(tmp_path / "cut.tif", 3).read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[:-100])
    pages = read_pages(tmp_path / "cut.tif", lambda image: image.size)
    assert (len(pages.results), pages.unreadable) == (2, [3])
    (tmp_path / "cut.tif").write_bytes(content[:20])
    with pytest.raises(UnreadableImageError):
        read_pages(tmp_path / "cut.tif", lambda image: image.size)


def test_of_an_animation_the_first_frame_is_taken_and_it_is_said(tmp_path: Path) -> None:
    folder = fill(tmp_path / "mine", "1.png", "2.png")
    first, *others = (Image.fromarray(glyph()) for _ in range(3))
    first.save(folder / "moving.gif", save_all=True, append_images=others)
    lines: list[str] = []
    assert total(read(folder, lines)) == 3
    assert "took the first frame of 1 animation: moving.gif" in lines


def test_other_names_and_other_bytes_of_files(tmp_path: Path) -> None:
    folder = fill(tmp_path / "mine", "1.png", "2.png")
    Image.fromarray(glyph()).save(folder / "3.jfif", "JPEG")
    Image.fromarray(glyph()).save(folder / "4.JPE", "JPEG")
    Image.fromarray(glyph()).save(folder / "5.png", exif=b"no exif")
    Image.fromarray(glyph()).save(os.fsencode(folder) + b"/caf\xe9.png", "PNG")
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xe9.png")).write_bytes(b"x")
    lines: list[str] = []
    dataset = read(folder, lines)
    assert total(dataset) == 6
    assert dataset.facts["unreadable"] == ["bad\\xe9.png"]
    assert "\n".join(lines).encode()


def test_a_folder_that_cannot_be_listed_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fill(tmp_path / "mine", "a/1.png", "a/2.png", "b/3.png")
    listed = os.scandir

    def scandir(path: Path):
        if Path(path).name in closed:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    closed = {"b"}
    lines: list[str] = []
    assert total(read(folder, lines)) == 2
    assert "skipped 1 folders or links that cannot be read: b (Permission denied)" in lines
    closed = {"mine"}
    with pytest.raises(DataError, match="mine cannot be read: Permission denied"):
        read(folder)


def test_more_squares_than_the_budget_are_refused(tmp_path: Path) -> None:
    folder = fill(tmp_path / "mine", *(f"{i}.png" for i in range(5)))
    with pytest.raises(DataError, match="more squares than --memory_budget=0 MB"):
        load(DataConfig(dataset=f"folder:{folder}", image_size=16), str(tmp_path / "data"),
             memory_budget=1_000)  # fmt: skip


def test_a_line_of_pixels_is_not_enlarged_to_gigabytes() -> None:
    line = Image.fromarray(np.arange(8_000, dtype=np.uint16).astype(np.uint8)[None])
    resize = Image.Image.resize
    sizes = []

    def record(self: Image.Image, size: tuple[int, int], *args: object) -> Image.Image:
        sizes.append(size)
        return resize(self, size, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image.Image, "resize", record)
        (square,) = cut_squares(line, size=512, fit="resize")
    assert square.shape == (512, 512)
    assert sizes == [(512, 512)]
    # The shape of a picture that is cut either way: the same centre, but for rounding.
    tall = Image.fromarray(np.tile(glyph(), (1, 3)))
    (plain,) = cut_squares(tall, size=64, fit="resize")
    box = ((60 - 20) / 2, 0, (60 + 20) / 2, 20)
    direct = np.asarray(tall.resize((64, 64), Image.Resampling.LANCZOS, box))
    assert np.abs(plain.astype(int) - direct).max() <= 1
