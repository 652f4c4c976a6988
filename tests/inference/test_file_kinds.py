"""Users' files keep their kind: pages, frames, depth, metadata; what fails is said in one line."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
import tifffile
from conftest import ROOT, command_environment
from PIL import Image

import aedenoise
from aedenoise.config.denoise_options import DenoiseOptions
from aedenoise.data.pictures import open_pictures, read_picture
from aedenoise.errors import DataError
from aedenoise.inference.denoise_files import denoise_files
from aedenoise.inference.denoiser import Denoiser

RNG = np.random.default_rng(0)
DURATIONS = [100, 200, 300]


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return aedenoise.load()


def page(shift: int = 0, height: int = 72, width: int = 90) -> np.ndarray:
    """Draws noisy light strokes on dark, float32 ``[H, W]`` in [0, 1]."""
    rows, columns = np.mgrid[:height, :width]
    strokes = ((rows + 3 * shift) // 5 + columns // 9) % 4 == 0
    return np.clip(strokes + RNG.normal(0.0, 0.3, strokes.shape), 0.0, 1.0).astype(np.float32)


def as_bytes(pixels: np.ndarray) -> np.ndarray:
    return np.round(255.0 * pixels).astype(np.uint8)


def as_words(pixels: np.ndarray) -> np.ndarray:
    return np.round(65_535.0 * pixels).astype(np.uint16)


def save_frames(path: Path, frames: list[np.ndarray], **options: object) -> Path:
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(path, save_all=True, append_images=images[1:], **options)
    return path


def run(denoiser: Denoiser, source: Path, target: Path | None = None) -> int:
    """Denoises as the command does, all of it where the network would rather keep the input."""
    place = None if target is None else str(target)
    return denoise_files(
        denoiser, DenoiseOptions(source=str(source), target=place, invert="no", keep_input=False)
    )


def expected(denoiser: Denoiser, source: Path) -> list[np.ndarray]:
    with open_pictures(source) as pictures:
        return [denoiser(picture.pixels[None])[0] for picture in pictures]


def pages_of(path: Path) -> list[np.ndarray]:
    with open_pictures(path) as pictures:
        return [picture.pixels for picture in pictures]


def contents_of(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_every_page_of_a_tiff_is_denoised(denoiser: Denoiser, tmp_path: Path) -> None:
    # Pages of different sizes, modes and depths.
    deep = as_words(page(2))
    images = [
        Image.fromarray(as_bytes(page(0))),
        Image.fromarray(as_bytes(np.stack([page(n) for n in (0, 1, 2)], axis=-1))),
        Image.fromarray(deep),
        Image.fromarray(page(3, 60, 40) > 0.5),
    ]
    source = tmp_path / "scan.tiff"
    images[0].save(source, save_all=True, append_images=images[1:], dpi=(300, 200))
    before = source.read_bytes()
    assert run(denoiser, source) == 1
    result = tmp_path / "scan-denoised.tif"
    for page_found, page_expected in zip(pages_of(result), expected(denoiser, source), strict=True):
        np.testing.assert_allclose(page_found, page_expected, atol=0.5 / 255 + 1e-6)
    with Image.open(result) as image:
        kinds = []
        for number in range(4):
            image.seek(number)
            kinds.append((image.mode, image.info["dpi"]))
    assert kinds == [(mode, (300, 200)) for mode in ("L", "RGB", "I;16", "L")]
    assert source.read_bytes() == before


def test_a_thumbnail_is_no_page(denoiser: Denoiser, tmp_path: Path) -> None:
    source = tmp_path / "scan.tif"
    with tifffile.TiffWriter(source) as writer:
        writer.write(as_bytes(page(0)), metadata=None)
        writer.write(as_bytes(page(0, 36, 45)), metadata=None, subfiletype=1)
        writer.write(as_bytes(page(1)), metadata=None)
    run(denoiser, source)
    assert [found.shape for found in pages_of(tmp_path / "scan-denoised.tif")] == [(72, 90, 1)] * 2


@pytest.mark.parametrize(
    ("suffix", "options", "loop"),
    [
        (".gif", {"loop": 0}, 0),
        (".gif", {"loop": 4}, 4),
        (".gif", {}, None),
        (".png", {"loop": 3}, 3),
        (".webp", {"loop": 3, "lossless": True}, 3),
    ],
)
def test_every_frame_of_a_grey_animation_is_denoised(
    denoiser: Denoiser, tmp_path: Path, suffix: str, options: dict, loop: int | None
) -> None:
    frames = [as_bytes(page(n)) for n in range(3)]
    source = save_frames(tmp_path / f"a{suffix}", frames, duration=DURATIONS, **options)
    assert run(denoiser, source) == 1
    result = tmp_path / f"a-denoised{suffix}"
    for found, wanted in zip(pages_of(result), expected(denoiser, source), strict=True):
        np.testing.assert_allclose(found, wanted, atol=0.5 / 255 + 1e-6)
    with Image.open(result) as image, open_pictures(result) as pictures:
        assert image.info.get("loop") == loop
        assert [picture.duration for picture in pictures] == DURATIONS


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
@pytest.mark.parametrize("target", [".gif", ".png", ".webp"])
def test_transparent_frames_in_colour(
    denoiser: Denoiser, tmp_path: Path, suffix: str, target: str
) -> None:
    clear = (np.indices((72, 90)).sum(axis=0) // 20 % 2).astype(np.uint8) * 255
    frames = []
    for n in range(3):
        colour = np.stack([as_bytes(page(n + channel)) for channel in range(3)], axis=-1)
        frames.append(np.dstack([colour, np.roll(clear, 7 * n, axis=1)]))
    more = {"disposal": 2} if suffix == ".gif" else {"lossless": True} if suffix == ".webp" else {}
    source = save_frames(tmp_path / f"a{suffix}", frames, duration=DURATIONS, loop=2, **more)
    result = tmp_path / f"result{target}"
    run(denoiser, source, result)
    wanted = expected(denoiser, source)
    with open_pictures(source) as sources, open_pictures(result) as pictures:
        for before, after, clean in zip(sources, pictures, wanted, strict=True):
            np.testing.assert_array_equal(after.alpha, before.alpha)
            assert after.duration == before.duration
            opaque = before.alpha > 0
            # A GIF has 255 colours a frame.
            error = np.abs(after.pixels - clean)[opaque].mean()
            assert error < (0.05 if target == ".gif" else 0.5 / 255)
        # A GIF counts repetitions.
        assert pictures.contents.plays == (3 if suffix == ".gif" else 2)


@pytest.mark.parametrize("target", [".gif", ".png"])
def test_the_cover_of_an_animation_is_no_frame(
    denoiser: Denoiser, tmp_path: Path, target: str
) -> None:
    frames = [as_bytes(page(n)) for n in range(4)]
    options = {"default_image": True, "duration": DURATIONS}
    source = save_frames(tmp_path / "a.png", frames, **options)
    result = tmp_path / f"result{target}"
    run(denoiser, source, result)
    wanted = expected(denoiser, source)
    assert len(wanted) == 4
    for found, clean in zip(pages_of(result)[-3:], wanted[-3:], strict=True):
        np.testing.assert_allclose(found, clean, atol=0.5 / 255 + 1e-6)
    with open_pictures(result) as pictures:
        assert pictures.contents.count == (4 if target == ".png" else 3)
        assert pictures.contents.cover == (target == ".png")
        assert [picture.duration for picture in pictures][-3:] == DURATIONS


def test_frames_of_an_animation_are_treated_alike(
    denoiser: Denoiser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Dark on light first: alone, the second would not be inverted.
    frames = [as_bytes(1.0 - page(0)), as_bytes(page(1))]
    source = save_frames(tmp_path / "a.gif", frames, duration=100)
    denoise_files(denoiser, DenoiseOptions(source=str(source)))
    said = capsys.readouterr().err
    assert said.count("dark on light") == 1
    assert "page" not in said
    second = 1.0 - denoiser(1.0 - frames[1][None] / 255.0)[0]
    np.testing.assert_allclose(
        pages_of(tmp_path / "a-denoised.gif")[1][..., 0], second, atol=0.5 / 255 + 1e-6
    )


@pytest.mark.parametrize(
    ("name", "target", "remedy"),
    [
        ("a.tif", ".jpg", "3 pages do not fit in .jpg; let --output end with .tif"),
        ("a.tif", ".gif", "3 pages do not fit in .gif; let --output end with .tif"),
        ("a.gif", ".tif", "3 frames do not fit in .tif; let --output end with .gif, .png or .webp"),
    ],
)
def test_a_format_of_one_picture_is_refused(
    denoiser: Denoiser, tmp_path: Path, name: str, target: str, remedy: str
) -> None:
    source = save_frames(tmp_path / name, [as_bytes(page(n)) for n in range(3)])
    with pytest.raises(DataError, match=remedy):
        run(denoiser, source, tmp_path / f"result{target}")
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("damage", ["cut", "broken"])
def test_of_a_damaged_file_nothing_is_written(
    denoiser: Denoiser, tmp_path: Path, capfd: pytest.CaptureFixture[str], damage: str
) -> None:
    source = tmp_path / "scan.tif"
    with tifffile.TiffWriter(source) as writer:
        for n in range(3):
            writer.write(as_bytes(page(n)), metadata=None, compression="zlib")
    content = bytearray(source.read_bytes())
    with tifffile.TiffFile(source) as file:
        place = file.pages[1].dataoffsets[0]
    if damage == "cut":
        content = content[:place]
    else:
        content[place : place + 200] = bytes(200)
    source.write_bytes(content)
    with pytest.raises(DataError, match="is damaged or cut short"):
        run(denoiser, source)
    # libtiff has lines of its own.
    assert capfd.readouterr().err == ""
    assert [file.name for file in tmp_path.iterdir()] == ["scan.tif"]


def test_16_bit_colour_stays_16_bit_colour(denoiser: Denoiser, tmp_path: Path) -> None:
    colour = np.stack([page(n) for n in range(3)], axis=-1)
    source = tmp_path / "photo.tif"
    tifffile.imwrite(source, as_words(colour), photometric="rgb", metadata=None)
    run(denoiser, source)
    found = tifffile.imread(tmp_path / "photo-denoised.tif")
    assert found.dtype == np.uint16
    clean = denoiser(as_words(colour)[None] / np.float32(65_535))[0]
    np.testing.assert_allclose(found / 65_535, clean, atol=1e-5)


@pytest.mark.parametrize(
    ("black", "white", "said"), [(0.0, 1.0, False), (100.0, 5100.0, True), (-3e5, -1e5, True)]
)
def test_floats_keep_their_scale(
    denoiser: Denoiser,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    black: float,
    white: float,
    said: bool,
) -> None:
    pixels = page()
    source = tmp_path / "counts.tif"
    tifffile.imwrite(source, (black + pixels * (white - black)).astype(np.float32))
    run(denoiser, source)
    assert ("the lowest is taken for black" in capsys.readouterr().err) == said
    found = tifffile.imread(tmp_path / "counts-denoised.tif")
    assert found.dtype == np.float32
    wanted = black + denoiser(pixels[None])[0] * (white - black)
    np.testing.assert_allclose(found, wanted, atol=1e-3 * (white - black))


def test_noise_beyond_the_range_of_floats_is_clipped(
    denoiser: Denoiser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = page() + RNG.normal(0.0, 0.2, (72, 90)).astype(np.float32)
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, pixels)
    run(denoiser, source)
    assert "0 is taken for black, 1 for white" in capsys.readouterr().err
    wanted = denoiser(np.clip(pixels, 0.0, 1.0)[None])[0]
    np.testing.assert_allclose(tifffile.imread(tmp_path / "a-denoised.tif"), wanted, atol=1e-6)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_photograph_looks_the_same(
    denoiser: Denoiser, tmp_path: Path, suffix: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[271], exif[274] = "Maker", orientation
    exif[34665] = {33434: 0.02, 36867: "2026:01:02 03:04:05", 40962: 90, 40963: 72}
    exif[34853] = {1: "N", 2: (1.0, 2.0, 3.0)}
    source = tmp_path / "photo.jpg"
    Image.fromarray(as_bytes(page())).save(
        source, exif=exif.tobytes(), dpi=(300, 200), icc_profile=b"a profile"
    )
    target = tmp_path / f"result{suffix}"
    run(denoiser, source, target)
    upright = read_picture(source)
    after = read_picture(target)
    assert after.pixels.shape[:2] == upright.pixels.shape[:2]
    # Nothing is left that a viewer would turn again.
    clean = denoiser(upright.pixels[None])[0]
    assert np.abs(after.pixels - clean).mean() < (0.02 if suffix == ".jpg" else 0.5 / 255)
    assert after.profile == b"a profile"
    with Image.open(target) as image:
        found = image.getexif()
        assert found.get(274, 1) == 1
        assert found[271] == "Maker"
        camera, place = found.get_ifd(34665), found.get_ifd(34853)
    assert (camera[36867], camera[33434]) == ("2026:01:02 03:04:05", 0.02)
    assert (camera[40962], camera[40963]) == upright.pixels.shape[1::-1]
    assert place[2] == (1.0, 2.0, 3.0)
    if suffix != ".webp":
        dpi = (300, 200) if orientation < 5 else (200, 300)
        assert after.dpi == pytest.approx(dpi, abs=0.5)


def test_a_folder_of_many_kinds(
    denoiser: Denoiser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    save_frames(folder / "pages.tif", [as_bytes(page(n)) for n in range(2)])
    save_frames(folder / "moving.gif", [as_bytes(page(n)) for n in range(2)], duration=100)
    tifffile.imwrite(folder / "float.tif", page())
    Image.fromarray(as_bytes(page())).save(folder / "plain.tif")
    tifffile.imwrite(folder / "nan.tif", np.full((9, 9), np.nan, np.float32))
    (folder / "deeper").mkdir()
    (folder / "deeper" / "text.png").write_text("no picture")
    before = contents_of(folder)
    with pytest.raises(DataError, match="skipped") as caught:
        run(denoiser, folder, tmp_path / "out")
    assert caught.value.exit_code == 3
    printed = capsys.readouterr()
    lines = [*printed.err.splitlines(), str(caught.value)]
    assert sum("nan.tif has pixels that are not finite" in line for line in lines) == 1
    assert sum("text.png is no image of a known format" in line for line in lines) == 1
    # Two pages, and the animation as one.
    assert "5 images denoised, from 4 files, in " in printed.out
    names = {"pages.tif", "moving.gif", "float.tif", "plain.png"}
    assert {file.name for file in (tmp_path / "out").iterdir()} == names
    assert contents_of(folder) == before


def write_dng(path: Path) -> Path:
    """Writes a raw file as cameras do: a small preview first, the sensor's values below it."""
    with tifffile.TiffWriter(path) as writer:
        preview = np.full((40, 60, 3), 99, np.uint8)
        version = (50706, 1, 4, b"\x01\x04\x00\x00", True)
        writer.write(preview, subfiletype=1, subifds=1, metadata=None, extratags=[version])
        writer.write(as_words(page()), photometric=32803, metadata=None, extratags=[
            (33421, 3, 2, (2, 2), True), (33422, 1, 4, b"\x00\x01\x01\x02", True),
        ])  # fmt: skip
    return path


def test_files_of_cameras_and_phones_are_counted_and_named(
    denoiser: Denoiser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(as_bytes(page())).save(folder / "a.jpg")
    (folder / "a.CR2").write_bytes(b"II*\0 raw")
    (folder / "b.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    # Some phones name a JPEG so.
    Image.fromarray(as_bytes(page())).save(folder / "c.heif", "JPEG")
    write_dng(folder / "d.dng")
    with pytest.raises(DataError) as caught:
        run(denoiser, folder, tmp_path / "out")
    line = str(caught.value)
    assert caught.value.exit_code == 3
    assert line.startswith("3 files of cameras or phones cannot be read and are skipped (")
    assert all(name in line for name in ("a.CR2", "b.heic", "d.dng", "PNG or JPEG first"))
    assert "2 images denoised" in capsys.readouterr().out
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"a.png", "c.png"}


def test_a_folder_of_raw_files_only_is_no_success(denoiser: Denoiser, tmp_path: Path) -> None:
    write_dng(tmp_path / "in.dng")
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "in.dng").rename(folder / "a.dng")
    with pytest.raises(DataError, match=r"1 file of cameras .* is skipped \(.*a\.dng\): develop"):
        run(denoiser, folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["a.dng", "a.tif", "-"])
def test_the_preview_of_a_raw_file_is_not_denoised(
    denoiser: Denoiser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    source = write_dng(tmp_path / name.replace("-", "a.dng"))
    if name == "-":
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(source.read_bytes())))
    with pytest.raises(DataError, match=r"is a camera's raw file, .* develop it to TIFF, PNG"):
        run(denoiser, Path("-") if name == "-" else source, tmp_path / "out.png")
    assert [file.name for file in tmp_path.iterdir()] == [source.name]


@pytest.mark.parametrize("name", ["a.avif", "a.heic", "a.jpg"])
def test_a_phones_format_is_named(denoiser: Denoiser, tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    source.write_bytes(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf")
    with pytest.raises(DataError, match="is AVIF, which cannot be read; convert it to PNG"):
        run(denoiser, source)


def test_hidden_files_are_left_out(
    denoiser: Denoiser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    for place in (folder, folder / ".cache", folder / "__MACOSX"):
        place.mkdir()
        Image.fromarray(as_bytes(page())).save(place / "a.png")
    (folder / "._a.png").write_bytes(b"\0\5\x16\7")
    (folder / "._a.CR2").write_bytes(b"\0\5\x16\7")
    Image.fromarray(as_bytes(page())).save(folder / ".hidden.png")
    assert run(denoiser, folder, tmp_path / "out") == 1
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "1 image denoised" in printed.out
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["a.png"]


def test_a_stream_keeps_its_kind(denoiser: Denoiser, tmp_path: Path, monkeypatch) -> None:
    source = save_frames(tmp_path / "a.gif", [as_bytes(page(n)) for n in range(3)], duration=50)
    output = tmp_path / "output"
    with output.open("w") as out:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(source.read_bytes())))
        monkeypatch.setattr(sys, "stdout", out)
        denoise_files(denoiser, DenoiseOptions(source="-", target="-"))
    with Image.open(output) as image:
        assert (image.format, image.n_frames) == ("GIF", 3)


@pytest.mark.end_to_end
def test_progress_is_for_terminals(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for n in range(3):
        Image.fromarray(as_bytes(page(n))).save(folder / f"{n}.png")
    command = [sys.executable, "-m", "aedenoise.main", "denoise", f"--input={folder}", "--output"]
    environment = command_environment(os.environ.get("TFDS_DATA_DIR", str(tmp_path)))
    main, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    for name, stderr in (("shown", terminal), ("hidden", subprocess.PIPE)):
        done = subprocess.run(
            [*command, str(tmp_path / name)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=ROOT,
            env=environment,
            check=True,
        )
        if name == "hidden":
            assert b"3/3" not in done.stderr
    os.close(terminal)
    assert b"3/3" in os.read(main, 100_000)
    os.close(main)
