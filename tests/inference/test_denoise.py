"""Denoising of pictures of any size and kind, and rejection of other files."""

from __future__ import annotations

import dataclasses
import io
import os
import shlex
import subprocess
import sys
from functools import partial
from importlib import resources
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT, Command, command_environment
from PIL import Image

import aedenoise
from aedenoise.config import DECODERS, NETWORKS, Experiment, ModelConfig, replace
from aedenoise.config.denoise_options import WRITTEN, DenoiseOptions
from aedenoise.data.picture_writing import encode_picture, kept_bits
from aedenoise.data.pictures import read_picture
from aedenoise.data.pixels import Picture
from aedenoise.errors import DataError, StorageError, UsageError, report
from aedenoise.inference.denoise_files import denoise_files
from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.noise_estimation import estimate_level
from aedenoise.inference.pretrained import pretrained_record
from aedenoise.inference.tiling import denoise_any_size
from aedenoise.models import build_autoencoder

RNG = np.random.default_rng(0)
# Networks other than ``conv`` that take images of any size.
_TILED = [
    name
    for name in NETWORKS
    if name != "conv" and (model := ModelConfig(network=name)).any_size and model.fitting(600)
]


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return aedenoise.load()


def page(height: int, width: int, light: bool = False) -> np.ndarray:
    """Draws light strokes on dark, or dark on light, float32 ``[H, W]``, without noise."""
    rows, columns = np.mgrid[:height, :width]
    strokes = ((rows // 5 + columns // 9) % 4 == 0).astype(np.float32)
    return 1.0 - strokes if light else strokes


def noisy(clean: np.ndarray, level: float = 0.3) -> np.ndarray:
    return np.clip(clean + RNG.normal(0.0, level, clean.shape), 0.0, 1.0).astype(np.float32)


def save(path: Path, pixels: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.round(pixels * 255).astype(np.uint8)).save(path, **options)
    return path


def error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean(np.square(a - b)))


@pytest.mark.parametrize(
    "config",
    [
        *(
            ModelConfig(decoder=decoder, encoder_features=(8, 8), decoder_features=(8, 8))
            for decoder in DECODERS
        ),
        *(ModelConfig(network=name) for name in _TILED),
    ],
    ids=lambda config: config.decoder if config.network == "conv" else config.network,
)
@pytest.mark.parametrize("shape", [(600, 130), (515, 521)])
@pytest.mark.fast_cases("shape0-upsample", "shape1-transpose")
def test_tiles_have_no_seams(config: ModelConfig, shape: tuple[int, int]) -> None:
    model = build_autoencoder(config, lowering="plain")
    image = RNG.random((1, *shape, 1), np.float32)
    params = model.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)), jnp.zeros(1))["params"]
    experiment = replace(Experiment(), {"model": config})
    denoise = Denoiser(model, params, experiment=experiment, channels=1, step=0)
    tiled = denoise(image)
    network = partial(denoise._whole, levels=np.zeros(1, np.float32))
    whole = denoise_any_size(image, config, network, tiled=False)
    assert tiled.shape == image.shape
    assert np.ptp(whole) > 1e-3
    np.testing.assert_allclose(tiled, whole, atol=1e-6)


@pytest.mark.parametrize("shape", [(700, 530), (40, 1200)])
def test_the_packed_network_gives_the_same_in_tiles_and_whole(
    denoiser: Denoiser, shape: tuple[int, int]
) -> None:
    image = noisy(page(*shape))[None, ..., None]
    network = partial(denoiser._whole, levels=np.zeros(1, np.float32))
    whole = denoise_any_size(image, denoiser.experiment.model, network, tiled=False)
    np.testing.assert_allclose(denoiser(image), whole, atol=1e-6)


@pytest.mark.parametrize(
    "shape", [(1, 1), (3, 200), (28, 28), (65, 30), (2, 31, 29), (1, 40, 40, 3), (700, 20)]
)
def test_any_size_comes_back_denoised(denoiser: Denoiser, shape: tuple[int, ...]) -> None:
    images = RNG.random(shape if len(shape) > 2 else (1, *shape), np.float32)
    found = denoiser(images)
    assert found.shape == images.shape
    assert found.dtype == np.float32
    assert found.min() >= 0.0
    assert found.max() <= 1.0


def test_arrays_of_any_kind_mean_the_same(denoiser: Denoiser) -> None:
    image = np.round(noisy(page(28, 28)) * 255).astype(np.uint8)[None]
    expected = denoiser(image)
    np.testing.assert_allclose(denoiser(image / 255.0), expected, atol=1e-6)
    np.testing.assert_allclose(denoiser(image.astype(np.uint16) * 257), expected, atol=1e-6)
    np.testing.assert_allclose(denoiser(image[..., None])[..., 0], expected, atol=1e-6)
    colour = np.stack([image, image.transpose(0, 2, 1), 255 - image], axis=-1)
    by_channel = denoiser(colour)
    for channel in range(3):
        np.testing.assert_allclose(
            by_channel[..., channel], denoiser(colour[..., channel]), atol=1e-6
        )
    many = np.repeat(image, 1500, axis=0)
    np.testing.assert_allclose(denoiser(many)[-1], expected[0], atol=1e-6)
    for wrong in (np.zeros((28, 28)), np.zeros((0, 28, 28)), np.zeros((1, 2, 3, 4, 5))):
        with pytest.raises(ValueError, match="images"):
            denoiser(wrong)


@pytest.mark.parametrize("level", [0.05, 0.2, 0.4, 0.8])
def test_the_level_is_estimated_where_noise_is_clipped_and_where_not(level: float) -> None:
    clean = page(200, 200)
    free = clean + RNG.normal(0.0, level, clean.shape)
    assert estimate_level(free, clean) == pytest.approx(level, rel=0.03)
    assert estimate_level(np.clip(free, 0.0, 1.0), clean) == pytest.approx(level, rel=0.05)


def test_the_packed_network_denoises_both_kinds_of_glyphs(denoiser: Denoiser) -> None:
    record = pretrained_record()
    for score in record["scores"]:
        assert score["psnr"] > score["noisy_psnr"] + 4.0
    assert {score["dataset"] for score in record["scores"]} == {"mnist", "notmnist/open"}
    files = Path(aedenoise.__file__).parent / "inference" / "files"
    assert all(file.stat().st_size < 4_000_000 for file in files.iterdir())
    assert denoiser.experiment.noise.level_max is not None


@pytest.mark.parametrize(
    ("name", "unit", "levels"),
    [
        ("letters", "images", 4),
        ("pages", "patches", 1),
        ("photos", "patches", 3),
        ("photos_colour", "patches", 3),
    ],
)
def test_model_cards_say_what_the_records_say(name: str, unit: str, levels: int) -> None:
    card = (resources.files("aedenoise.inference") / "files" / f"{name}.md").read_text("utf-8")
    record = pretrained_record(name)
    assert f"{record['dataset']['train']:,} {unit}" in card
    assert f"{record['dataset']['test']:,} test {unit}" in card
    by_level: dict[float, list[str]] = {}
    for score in record["scores"]:
        line = by_level.setdefault(score["noise_level"], [str(score["noise_level"])])
        line += [f"{score['noisy_psnr']:.2f}", f"{score['psnr']:.2f}"]
    assert len(by_level) == levels
    for line in by_level.values():
        assert f"| {' | '.join(line)} |" in card


def test_pictures_keep_what_belongs_to_them(tmp_path: Path) -> None:
    grey, colour = noisy(page(20, 30)), np.stack([noisy(page(20, 30))] * 3, axis=-1)
    deep = np.round(grey * 65_535).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    alpha = RNG.integers(0, 256, (20, 30), np.uint8)
    rgba = np.dstack([np.round(colour * 255).astype(np.uint8), alpha])
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    grey_alpha = np.dstack([rgba[..., 0], alpha])
    Image.fromarray(grey_alpha, "LA").save(tmp_path / "la.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    save(tmp_path / "turned.jpg", grey, exif=turned)
    Image.fromarray(rgba[..., :3]).convert("P").save(tmp_path / "palette.gif")
    Image.fromarray(rgba[..., :3]).convert("CMYK").save(tmp_path / "cmyk.tif")
    Image.fromarray(page(20, 30) > 0.5).save(tmp_path / "bits.png")
    shapes = {
        "deep.png": (20, 30, 1),
        "rgba.png": (20, 30, 3),
        "la.png": (20, 30, 1),
        "turned.jpg": (30, 20, 1),
        "palette.gif": (20, 30, 3),
        "cmyk.tif": (20, 30, 3),
        "bits.png": (20, 30, 1),
    }
    for name, shape in shapes.items():
        picture = read_picture(tmp_path / name)
        assert picture.pixels.shape == shape, name
        assert picture.pixels.dtype == np.float32
        again = read_picture(encode_picture(picture))
        np.testing.assert_array_equal(again.pixels, picture.pixels)
        assert again.bits == picture.bits
        if picture.alpha is not None:
            np.testing.assert_array_equal(again.alpha, alpha)
    assert read_picture(tmp_path / "deep.png").bits == 16
    kept = {suffix: kept_bits(read_picture(tmp_path / "deep.png"), suffix) for suffix in WRITTEN}
    assert {suffix for suffix, bits in kept.items() if bits == 16} == {".png", ".tif", ".tiff"}
    np.testing.assert_array_equal(read_picture(tmp_path / "rgba.png").alpha, alpha)
    assert read_picture(encode_picture(Picture(grey[..., None]), ".jpg")).pixels.shape == (
        20,
        30,
        1,
    )


def bad_files(folder: Path) -> dict[str, Path]:
    whole = save(folder / "whole.png", noisy(page(64, 64)))
    files = {
        "empty": b"",
        "text": b"not an image at all",
        "truncated": whole.read_bytes()[:300],
        "header": whole.read_bytes()[:20],
    }
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    files["bomb"] = bomb.getvalue()
    whole.unlink()
    found = {}
    for name, content in files.items():
        found[name] = folder / f"{name}.png"
        found[name].write_bytes(content)
    return found


def test_a_folder_is_denoised_and_what_is_no_picture_is_named(
    denoiser: Denoiser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "scans"
    clean = page(90, 70)
    save(source / "a.png", noisy(clean))
    save(source / "a.jpg", noisy(clean))
    save(source / "deeper" / "b.tif", noisy(page(30, 600)))
    save(source / "dot.bmp", np.ones((1, 1), np.float32) * 0.2)
    (source / "notes.txt").write_text("no picture by its name")
    bad = bad_files(source)
    before = {file: file.read_bytes() for file in source.rglob("*") if file.is_file()}
    with pytest.raises(DataError, match=r"\.png .*: skipped"):
        denoise_files(denoiser, DenoiseOptions(source=str(source), before_after=True))
    printed = capsys.readouterr()
    for path in bad.values():
        assert path.name in printed.err or "bomb.png" in path.name
    assert "4 images denoised" in printed.out
    target = tmp_path / "scans-denoised"
    written = {file.relative_to(target).as_posix() for file in target.rglob("*.png")}
    stems = ["a.png", "a.jpg", "deeper/b", "dot"]
    assert written == {f"{stem}{end}.png" for stem in stems for end in ("", "-before-after")}
    assert {file: file.read_bytes() for file in source.rglob("*") if file.is_file()} == before
    result = read_picture(target / "a.png.png").pixels[..., 0]
    assert error(result, clean) < 0.5 * error(read_picture(source / "a.png").pixels[..., 0], clean)
    # Again: what is there stays, and only the rest is tried.
    stamp = (target / "dot.png").stat().st_mtime_ns
    with pytest.raises(DataError):
        denoise_files(denoiser, DenoiseOptions(source=str(source)))
    assert "0 images denoised" in capsys.readouterr().out
    assert (target / "dot.png").stat().st_mtime_ns == stamp


def test_dark_on_light_is_turned_and_turned_back(
    denoiser: Denoiser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clean = page(100, 100, light=True)
    source = save(tmp_path / "paper.png", noisy(clean))
    results = {}
    for invert in ("auto", "yes", "no"):
        target = tmp_path / f"{invert}.png"
        denoise_files(
            denoiser, DenoiseOptions(source=str(source), target=str(target), invert=invert)
        )
        results[invert] = read_picture(target).pixels[..., 0]
        assert ("is dark on light" in capsys.readouterr().err) == (invert == "auto")
    np.testing.assert_array_equal(results["auto"], results["yes"])
    assert error(results["auto"], clean) < error(results["no"], clean)


def test_a_picture_of_many_greys_is_noted(
    denoiser: Denoiser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, columns = np.mgrid[:128, :96] / 128.0
    photograph = np.float32(0.5 + 0.3 * np.sin(9.0 * rows) * np.cos(7.0 * columns))
    for name, clean in (
        ("photograph", photograph),
        ("page", page(128, 96)),
        ("paper", page(128, 96, light=True)),
    ):
        denoise_files(
            denoiser, DenoiseOptions(source=str(save(tmp_path / f"{name}.png", noisy(clean))))
        )
        assert ("many greys" in capsys.readouterr().err) == (name == "photograph")


def test_noise_far_from_the_training_is_noted(
    denoiser: Denoiser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for level, warned in ((0.3, False), (1.6, True)):
        source = save(tmp_path / f"{level}.png", noisy(page(120, 120), level))
        denoise_files(denoiser, DenoiseOptions(source=str(source)))
        assert ("the network was trained on" in capsys.readouterr().err) == warned


def test_results_beside_their_sources_are_no_sources(
    denoiser: Denoiser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "scans"
    # Of the second there is no source, and the others are of no name that is given here.
    sources = ("a.png", "b-denoised.png", "a-denoised.jpg", "a-before-after.png")
    for name in sources:
        save(folder / name, noisy(page(40, 40)))
    denoise_files(denoiser, DenoiseOptions(source=str(folder / "a.png"), before_after=True))
    assert (folder / "a-denoised-before-after.png").exists()
    monkeypatch.chdir(folder)
    assert denoise_files(denoiser, DenoiseOptions(source=".")) == len(sources)
    assert "skipped (2 in all)" in capsys.readouterr().err
    inner = folder / "results"
    save(inner / "old.png", noisy(page(40, 40)))
    for name in sources:
        (folder / name).unlink()
    for path in folder.glob("*.png"):
        path.unlink()
    with pytest.raises(DataError, match="except results"):
        denoise_files(denoiser, DenoiseOptions(source=".", target=str(inner)))
    with pytest.raises(UsageError, match="needs an --output"):
        denoise_files(denoiser, DenoiseOptions(source="/"))


def test_no_original_is_replaced(denoiser: Denoiser, tmp_path: Path) -> None:
    source = save(tmp_path / "scan.png", noisy(page(28, 28)))
    content = source.read_bytes()
    (tmp_path / "link.png").symlink_to(source)
    for target in (source, tmp_path / "link.png"):
        options = DenoiseOptions(source=str(source), target=str(target), overwrite=True)
        with pytest.raises(StorageError, match="is the source itself"):
            denoise_files(denoiser, options)
    options = DenoiseOptions(source=str(tmp_path), target=str(tmp_path))
    with pytest.raises(StorageError, match="folder of the images; choose another"):
        denoise_files(denoiser, options)
    other = save(tmp_path / "other.png", page(28, 28))
    kept = other.read_bytes()
    with pytest.raises(StorageError, match="--overwrite replaces it"):
        denoise_files(denoiser, DenoiseOptions(source=str(source), target=str(other)))
    assert other.read_bytes() == kept
    denoise_files(denoiser, DenoiseOptions(source=str(source), target=str(other), overwrite=True))
    assert other.read_bytes() != kept
    assert source.read_bytes() == content


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"source": "-"}, "needs an --output"),
        ({"source": ".", "target": "-"}, "takes one picture"),
        ({"source": "-", "target": "x.xyz"}, "--output ends with"),
        ({"source": "-", "target": "-", "invert": "maybe"}, "unknown invert"),
        ({"source": "-", "target": "-", "level": 30.0}, "from 0 to 2"),
        ({"source": "nowhere.png"}, "does not exist"),
    ],
)
def test_wrong_options_are_refused(fields: dict, words: str) -> None:
    with pytest.raises((UsageError, DataError), match=words):
        DenoiseOptions(**fields)


def test_a_folder_without_pictures(denoiser: Denoiser, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no image in"):
        denoise_files(denoiser, DenoiseOptions(source=str(tmp_path)))


def test_a_folder_that_cannot_be_read_says_why(
    denoiser: Denoiser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("aedenoise.data.pictures.os.scandir", denied)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        denoise_files(denoiser, DenoiseOptions(source=str(tmp_path)))


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/proc/a.png", "cannot write /proc/a.png (No such file or directory); give another"),
        ("/proc/none/a.png", "cannot write /proc/none/a.png"),
        (f"{{folder}}/{300 * 'a'}.png", "File name too long"),
        ("{folder}/scan.png/a.png", "scan.png: File exists"),
    ],
)
def test_a_result_that_cannot_be_written_is_one_line(
    denoiser: Denoiser,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    target: str,
    words: str,
) -> None:
    source = save(tmp_path / "scan.png", noisy(page(40, 30)))
    with pytest.raises((StorageError, OSError)) as caught:
        denoise_files(
            denoiser,
            DenoiseOptions(source=str(source), target=target.format(folder=tmp_path)),
        )
    assert report(caught.value, debug=False) == 5
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert words in lines[0]
    assert list(tmp_path.iterdir()) == [source]


def test_a_result_for_closed_standard_output_is_refused(
    denoiser: Denoiser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = save(tmp_path / "scan.png", page(40, 30))
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(StorageError, match="standard output is closed"):
        denoise_files(denoiser, DenoiseOptions(source=str(source), target="-"))


@pytest.mark.end_to_end
def test_the_command_denoises_without_training(command: Command, tmp_path: Path) -> None:
    clean = page(70, 90)
    source = save(tmp_path / "scan.png", noisy(clean))
    done = command("--mode=denoise", f"--input={source}")
    assert (done.returncode, done.stderr) == (0, "")
    result = read_picture(tmp_path / "scan-denoised.png").pixels[..., 0]
    assert error(result, clean) < 0.5 * error(read_picture(source).pixels[..., 0], clean)
    piped = subprocess.run(
        [sys.executable, "-m", "aedenoise.main", "--mode=denoise", "--input=-", "--output=-"],
        input=source.read_bytes(),
        capture_output=True,
        cwd=ROOT,
        env=command_environment(os.environ.get("TFDS_DATA_DIR", str(tmp_path))),
        check=True,
    )
    np.testing.assert_array_equal(read_picture(piped.stdout).pixels[..., 0], result)
    closed = subprocess.run(
        f"{shlex.quote(sys.executable)} -m aedenoise.main denoise --input=- --output=- >&-",
        shell=True,
        input=source.read_bytes(),
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=command_environment(os.environ.get("TFDS_DATA_DIR", str(tmp_path))),
        check=False,
    )
    assert closed.returncode == 5
    assert b"standard output is closed" in closed.stderr
    done = command("--mode=denoise", f"--input={source}", f"--workdir={tmp_path}/none")
    assert done.returncode == 3
    assert "train there first" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.end_to_end
def test_the_command_takes_several_files(command: Command, tmp_path: Path) -> None:
    clean = page(70, 90)
    files = [save(tmp_path / "in" / name, noisy(clean)) for name in ("a.png", "b.png", "c.jpg")]
    damaged = tmp_path / "in" / "d.png"
    damaged.write_text("no picture")
    done = command("denoise", *map(str, files), f"--output={tmp_path / 'out'}")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"3 images denoised by the network for letters, in {tmp_path / 'out'}" in done.stdout
    written = {file.name for file in (tmp_path / "out").iterdir()}
    assert written == {"a-denoised.png", "b-denoised.png", "c-denoised.png"}
    result = read_picture(tmp_path / "out" / "c-denoised.png").pixels[..., 0]
    assert error(result, clean) < 0.5 * error(read_picture(files[2]).pixels[..., 0], clean)
    missing = tmp_path / "in" / "e.png"
    done = command("denoise", str(damaged), *map(str, files), f"--input={missing}")
    assert done.returncode == 3
    assert "d.png is no image of a known format: skipped" in done.stderr
    assert "e.png cannot be read (No such file or directory): skipped" in done.stderr
    assert "3 images denoised by the network for letters, next to their sources" in done.stdout
    # As *.png a second time: neither results nor what is there are denoised again.
    everything = sorted(map(str, (tmp_path / "in").glob("[a-c]*")))
    assert len(everything) == 6
    done = command("denoise", *everything)
    assert done.returncode == 0
    assert "skipped (3 in all)" in done.stderr
    assert "3 already existed" in done.stdout


def test_several_files_of_one_name(denoiser: Denoiser, tmp_path: Path) -> None:
    first, second, third = (
        str(save(tmp_path / name, noisy(page(40, 30))))
        for name in ("x/a.png", "y/a.png", "x/a.jpg")
    )
    out = str(tmp_path / "out")
    for more, said in ((second, r"a\.png and .*a\.png would both become"), (first, "named twice")):
        with pytest.raises(UsageError, match=said):
            denoise_files(denoiser, DenoiseOptions(source=first, more=(more,), target=out))
    assert not (tmp_path / "out").exists()
    # Next to their sources there is room for both, and endings tell others apart.
    assert denoise_files(denoiser, DenoiseOptions(source=first, more=(second, third))) == 3
    assert {file.name for file in (tmp_path / "x").iterdir()} == {
        *("a.png", "a.jpg", "a.png-denoised.png", "a.jpg-denoised.png")
    }
    assert (tmp_path / "y" / "a-denoised.png").exists()


def test_several_files_replace_none_of_them(denoiser: Denoiser, tmp_path: Path) -> None:
    first = save(tmp_path / "x" / "a.png", noisy(page(40, 30)))
    other = save(tmp_path / "y" / "a-denoised.png", noisy(page(40, 30)))
    content = other.read_bytes()
    options = DenoiseOptions(
        source=str(first), more=(str(other),), target=str(other.parent), overwrite=True
    )
    with pytest.raises(StorageError, match="is one of the pictures to denoise"):
        denoise_files(denoiser, options)
    assert other.read_bytes() == content
    options = DenoiseOptions(source=str(first), more=(str(other),), target=str(tmp_path / "file"))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="is not a folder; --output must be one"):
        denoise_files(denoiser, options)


def test_a_network_that_is_told_the_level_is_told_it() -> None:
    config = ModelConfig(encoder_features=(4, 4), decoder_features=(4, 4), condition="noise_level")
    model = build_autoencoder(config, lowering="plain")
    image = RNG.random((1, 28, 28, 1), np.float32)
    params = model.init(jax.random.key(0), jnp.asarray(image), jnp.zeros(1))["params"]
    experiment = replace(Experiment(), {"model": config, "noise.level_max": 0.8})
    denoise = Denoiser(model, params, experiment=experiment, channels=1, step=0)
    assert np.abs(denoise(image, 0.1) - denoise(image, 0.9)).max() > 1e-4
    with pytest.raises(ValueError, match="noise level"):
        model.apply({"params": params}, image)
    plain = dataclasses.replace(config, condition="none")
    assert build_autoencoder(plain).conditioned is False


def test_levels_are_guessed_for_each_image_by_itself() -> None:
    config = ModelConfig(encoder_features=(4, 4), decoder_features=(4, 4), condition="noise_level")
    model = build_autoencoder(config, lowering="plain")
    grey, none = np.full((1, 28, 28, 1), 0.5, np.float32), jnp.zeros(1)
    params = model.init(jax.random.key(0), jnp.asarray(grey), none)["params"]
    # A network of zeros answers 0.5, which is the clean image here.
    zeros = jax.tree.map(jnp.zeros_like, params)
    experiment = replace(Experiment(), {"model": config, "noise.level": 0.02, "noise.level_max": 1})
    denoise = Denoiser(model, zeros, experiment=experiment, channels=1, step=0)
    images = np.concatenate([grey + RNG.normal(0.0, s, grey.shape) for s in (0.05, 0.12, 0.6)])
    _, levels = denoise._guessed(images.astype(np.float32))
    np.testing.assert_allclose(levels, (0.05, 0.12, 0.6), rtol=0.1)
    denoise = Denoiser(model, params, experiment=experiment, channels=1, step=0)
    together = denoise(images)
    for image, found in zip(images, together, strict=True):
        np.testing.assert_allclose(found, denoise(image[None])[0], atol=1e-6)
    shifted = replace(experiment, {"noise.mean": 0.2})  # the estimate knows of no mean
    denoise = Denoiser(model, params, experiment=shifted, channels=1, step=0)
    np.testing.assert_allclose(denoise._guessed(images)[1], 0.51, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.full((1, 8, 8), 128.0), "divide by 255"),
        (np.full((1, 8, 8), np.nan), "NaN or infinite"),
        (np.full((1, 8, 8), 128), "float, uint8 or uint16"),
        ([[1.0, 2.0]], "must have shape"),
    ],
)
def test_arrays_that_are_no_images(denoiser: Denoiser, images: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        denoiser(images)


def test_a_list_is_an_array_too(denoiser: Denoiser) -> None:
    image = noisy(page(12, 16))
    np.testing.assert_array_equal(denoiser([image.tolist()]), denoiser(image[None]))


def test_a_picture_too_large_for_its_format(denoiser: Denoiser, tmp_path: Path) -> None:
    source = save(tmp_path / "strip.png", np.zeros((4, 16_400), np.float32))
    with pytest.raises(DataError, match="holds no more than 16,383 pixels a side"):
        denoise_files(
            denoiser, DenoiseOptions(source=str(source), target=str(tmp_path / "strip.webp"))
        )
    assert not (tmp_path / "strip.webp").exists()


@pytest.mark.parametrize("there", [True, False])
def test_one_picture_into_a_folder(tmp_path: Path, denoiser: Denoiser, there: bool) -> None:
    source = save(tmp_path / "scan.png", noisy(page(40, 30)))
    folder = tmp_path / "done"
    if there:
        folder.mkdir()
    target = str(folder) if there else f"{folder}/"
    assert denoise_files(denoiser, DenoiseOptions(source=str(source), target=target)) == 1
    assert [path.name for path in folder.iterdir()] == ["scan-denoised.png"]


def test_a_folder_does_not_go_into_a_picture(tmp_path: Path, denoiser: Denoiser) -> None:
    save(tmp_path / "scans" / "a.png", noisy(page(40, 30)))
    target = str(tmp_path / "one.png")
    with pytest.raises(UsageError, match="names a picture"):
        denoise_files(denoiser, DenoiseOptions(source=str(tmp_path / "scans"), target=target))
