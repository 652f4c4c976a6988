"""The packed network that each picture gets."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image
from scipy.ndimage import gaussian_filter

import aedenoise
from aedenoise.config.denoise_options import PACKED, DenoiseOptions
from aedenoise.data.builders import read_open_letters
from aedenoise.errors import DataError, UsageError
from aedenoise.inference.denoise_files import denoise_files
from aedenoise.inference.network_choice import PackedNetworks, looks_like_type
from aedenoise.inference.pretrained import pretrained_record
from aedenoise.inference.suitability import judge
from experiments.scans.fonts import BUNDLED, group_families
from experiments.scans.pairs import make_pair

RNG = np.random.default_rng(0)


def sheet() -> np.ndarray:
    """Returns 8 x 8 letters as one picture, float ``[224, 224, 1]``."""
    letters = read_open_letters("test")[0][::40][:64].astype(np.float32) / 255.0
    return letters.reshape(8, 8, 28, 28).transpose(0, 2, 1, 3).reshape(224, 224, 1)


def photograph(name: str) -> np.ndarray:
    pixels = np.asarray(getattr(skimage.data, name)(), np.float32)[:256, :256] / 255.0
    return pixels if pixels.ndim == 3 else pixels[..., None]


def noisy(clean: np.ndarray, level: float) -> np.ndarray:
    noise = RNG.standard_normal(clean.shape, np.float32)
    return np.clip(clean + level * noise, 0.0, 1.0).astype(np.float32)


@pytest.fixture(scope="module")
def networks() -> PackedNetworks:
    return PackedNetworks()


@pytest.mark.parametrize("level", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("inverted", [False, True])
def test_sheets_of_letters_get_the_network_for_letters(
    networks: PackedNetworks, level: float, inverted: bool
) -> None:
    clean = 1.0 - sheet() if inverted else sheet()
    assert networks.choose(noisy(clean, level)).name == "letters"


@pytest.mark.parametrize("level", [0.02, 0.1, 0.25])
@pytest.mark.parametrize("name", ["camera", "coins", "astronaut", "coffee", "moon", "chelsea"])
def test_photographs_get_the_network_for_photographs(
    networks: PackedNetworks, name: str, level: float
) -> None:
    picture = photograph(name)
    wanted = "photos" if picture.shape[-1] == 1 else "photos_colour"
    assert networks.choose(noisy(picture, level)).name == wanted


@pytest.mark.parametrize("level", [0.0, 0.1, 0.25])
def test_a_photographed_page_gets_the_network_for_pages(
    networks: PackedNetworks, level: float
) -> None:
    clean = np.asarray(skimage.data.page(), np.float32)[..., None] / 255.0  # uneven light
    assert networks.choose(noisy(clean, level)).name == "pages"


def test_damaged_pages_get_the_network_for_pages_and_come_out_better(
    networks: PackedNetworks,
) -> None:
    fonts = [BUNDLED / f"{name}.ttf" for name in ("DejaVuSerif", "STIXGeneral")]
    families = group_families(fonts, held_out=False)
    pairs = (make_pair(77, number, families) for number in range(5))
    errors = []
    # A tenth of the training pages is light on dark.
    for pair in (pair for pair in pairs if pair.clean.mean() > 128):
        clean, scan = (
            each[..., None].astype(np.float32) / 255.0 for each in (pair.clean, pair.noisy)
        )
        network = networks.choose(scan)
        assert network.name == "pages"
        result = network.denoiser(scan[None])[0]
        errors.append([np.mean(np.square(each - clean)) for each in (scan, result)])
    before, after = np.mean(errors, axis=0)
    assert after < before / 2.0


def test_small_pictures_are_characters_only_if_they_show_one(networks: PackedNetworks) -> None:
    letters = read_open_letters("test")[0][::50].astype(np.float32)[..., None] / 255.0
    names = [networks.choose(noisy(letter, 0.4)).name for letter in letters]
    assert names.count("letters") > 0.85 * len(names)
    # Shadow and light of the coat and the tripod are no strokes.
    camera = photograph("camera")
    parts = [camera[i : i + 28, j : j + 28] for i in range(0, 250, 32) for j in range(0, 250, 32)]
    names = [networks.choose(noisy(part, 0.1)).name for part in parts]
    assert names.count("photos") > 0.8 * len(names)
    assert networks.choose(photograph("coffee")[:7, :5]).name == "photos_colour"


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("camera", (slice(256, 512), slice(256, 512))),
        ("camera", (slice(100, 228), slice(100, 228))),
    ],
)
def test_dark_parts_of_photographs_are_no_ink(
    networks: PackedNetworks, name: str, part: tuple[slice, slice]
) -> None:
    pixels = np.asarray(getattr(skimage.data, name)(), np.float32)[part][..., None] / 255.0
    assert networks.choose(noisy(pixels, 0.1)).name == "photos"


@pytest.mark.parametrize("stored", ["grey in RGB", "JPEG with coarse colours"])
def test_noise_that_the_channels_share_is_removed(networks: PackedNetworks, stored: str) -> None:
    if stored == "grey in RGB":
        clean = photograph("camera").repeat(3, axis=-1)
        image = noisy(clean[..., :1], 0.1).repeat(3, axis=-1)
    else:
        clean = photograph("astronaut")
        file = io.BytesIO()
        pixels = np.round(noisy(clean, 0.1) * 255).astype(np.uint8)
        Image.fromarray(pixels).save(file, "JPEG", quality=95, subsampling=2)
        image = np.asarray(Image.open(file), np.float32) / 255.0
    network = networks.choose(image)
    result = network.denoiser(image[None])[0]
    assert network.name == "photos"
    before, after = (np.mean(np.square(each - clean)) for each in (image, result))
    assert after < before / 3.0
    # The network for colours, chosen by hand, says that it does not know this noise.
    coloured = networks.load("photos_colour").denoiser
    _, (note,) = judge(image, coloured(image[None])[0], coloured, keep=True)
    assert "is hardly denoised" in note.one
    assert "--network=photos takes each channel by itself" in note.one
    assert ("the same in all colours" in note.one) == (stored == "grey in RGB")


@pytest.mark.parametrize("name", ["camera", "coins", "astronaut"])
def test_noise_that_neighbouring_pixels_share_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    clean = photograph(name)
    blurred = gaussian_filter(RNG.normal(0.0, 0.4, clean.shape), (1, 1, 0))
    for kind, noise in (("blurred", blurred), ("white", RNG.normal(0.0, 0.1, clean.shape))):
        pixels = np.round(255.0 * np.clip(clean + noise, 0.0, 1.0)).astype(np.uint8)
        source = tmp_path / f"{kind}.png"
        Image.fromarray(pixels.squeeze()).save(source)
        denoise_files(PackedNetworks(), DenoiseOptions(source=str(source)))
        said = capsys.readouterr().err
        noted = "is hardly denoised: its noise, shared by neighbouring pixels, is unlike" in said
        assert noted == (kind == "blurred"), said
        assert ("--dataset=pairs" in said) == noted


def test_colours_and_plain_pictures_are_no_type() -> None:
    assert not looks_like_type(np.full((80, 80, 1), 0.4, np.float32))
    red = np.zeros((80, 80, 3), np.float32)
    red[20:60, 20:60:8, 0] = red[20:60, 21:60:8, 0] = 1.0
    assert not looks_like_type(red)
    assert looks_like_type(red.max(axis=-1, keepdims=True))


@pytest.mark.parametrize("name", ["camera", "coins", "astronaut", "coffee"])
@pytest.mark.parametrize("level", [0.05, 0.1, 0.25])
def test_photographs_come_out_better(name: str, level: float) -> None:
    clean = photograph(name)
    image = noisy(clean, level)
    grey = clean.shape[-1] == 1
    result = aedenoise.load(network="photos" if grey else "photos_colour")(image[None])[0]
    before, after = (np.mean(np.square(each - clean)) for each in (image, result))
    assert after < before / 1.5


def test_the_last_line_says_which_networks_were_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "pictures"
    source.mkdir()
    for name, clean in (("page", sheet()), ("camera", photograph("camera"))):
        pixels = np.round(noisy(clean, 0.15)[..., 0] * 255).astype(np.uint8)
        Image.fromarray(pixels).save(source / f"{name}.png")
    denoise_files(PackedNetworks(), DenoiseOptions(source=str(source)))
    line = capsys.readouterr().out.strip().splitlines()[-1]
    assert "2 images denoised by the networks for photos (1), letters (1)" in line
    options = DenoiseOptions(source=str(source), network="photos", overwrite=True)
    denoise_files(PackedNetworks(), options)
    assert "denoised by the network for photos, in" in capsys.readouterr().out


def test_counts_of_pages_animations_and_kept_pictures_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "pictures"
    source.mkdir()
    # Two pages with noise and two without, which are kept; an animation counts as one picture.
    camera, letters = photograph("camera"), sheet()
    pages = [noisy(camera, 0.15), photograph("moon"), noisy(letters, 0.15), photograph("clock")]
    images = [Image.fromarray(np.uint8(np.round(each[..., 0] * 255))) for each in pages]
    images[0].save(source / "stack.tif", save_all=True, append_images=images[1:])
    images[0].save(source / "moving.gif", save_all=True, append_images=[images[0].rotate(180)])
    # Its first page is good: of a file that is skipped nothing is counted.
    images[0].save(source / "cut.tif", save_all=True, append_images=images[1:2])
    content = (source / "cut.tif").read_bytes()
    (source / "cut.tif").write_bytes(content[: len(content) * 3 // 4])
    images[1].save(source / "clean.png")
    with pytest.raises(DataError, match=r"cut\.tif"):
        denoise_files(PackedNetworks(), DenoiseOptions(source=str(source)))
    told = capsys.readouterr()
    line = told.out.strip().splitlines()[-1]
    wanted = "3 images denoised by the networks for photos (2), letters (1), 3 kept, from 3 files, "
    assert line.startswith(wanted)
    assert "3 of 6 images are kept as they are" in told.err


def test_a_picture_without_noise_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "clean.png"
    pixels = np.round(photograph("rocket") * 255).astype(np.uint8)
    Image.fromarray(pixels).save(source)
    denoise_files(PackedNetworks(), DenoiseOptions(source=str(source)))
    told = capsys.readouterr()
    assert "no noise to speak of" in told.err
    assert told.out.startswith("0 images denoised, 1 kept, in ")
    result = np.asarray(Image.open(tmp_path / "clean-denoised.png"))
    np.testing.assert_array_equal(result, pixels)


def test_unknown_networks_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown network 'photo'"):
        aedenoise.load(network="photo")
    with pytest.raises(UsageError, match=r"write load\(network='photos'\)"):
        aedenoise.load("photos")
    with pytest.raises(UsageError, match="not both"):
        aedenoise.load("runs/mine", network="photos")


@pytest.mark.parametrize("name", PACKED)
def test_records_name_no_place(name: str) -> None:
    record = pretrained_record(name)
    assert "/" not in record["experiment"]["data"]["dataset"].replace("notmnist/open", "").replace(
        "scans/", ""
    )
    assert "/" not in record["command"]
