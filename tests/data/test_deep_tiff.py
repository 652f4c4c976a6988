"""TIFF of every depth: 16 bits in colour, floats, alpha, planes; other files are described."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from aedenoise.data.images import UnreadableImageError
from aedenoise.data.picture_contents import Contents
from aedenoise.data.picture_writing import encode_picture, save_pictures
from aedenoise.data.pictures import find_suffix, open_pictures, read_picture
from aedenoise.data.pixels import from_integers

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 65_536, (12, 20, 3), np.uint16)
GREY, ALPHA = COLOUR[..., 0], COLOUR[..., 1]
RGBA = np.dstack([COLOUR, ALPHA])
_RGB, _ALPHA = {"photometric": "rgb"}, {"extrasamples": ["unassalpha"]}


def written(folder: Path, values: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(folder / "a.tif", values, metadata=None, **options)
    return folder / "a.tif"


@pytest.mark.parametrize(
    ("values", "options", "pixels", "alpha"),
    [
        (COLOUR, _RGB, COLOUR, None),
        (COLOUR, {**_RGB, "byteorder": ">"}, COLOUR, None),
        (COLOUR, {**_RGB, "compression": "zlib"}, COLOUR, None),
        (COLOUR, {**_RGB, "bigtiff": True}, COLOUR, None),
        (np.moveaxis(COLOUR, -1, 0), {**_RGB, "planarconfig": "separate"}, COLOUR, None),
        (RGBA, {**_RGB, **_ALPHA}, COLOUR, ALPHA),
        (RGBA, {**_RGB, "extrasamples": ["unspecified"]}, COLOUR, None),
        (
            np.dstack([GREY, ALPHA]),
            {"photometric": "minisblack", "planarconfig": "contig", **_ALPHA},
            GREY[..., None],
            ALPHA,
        ),
        (65_535 - GREY, {"photometric": "miniswhite"}, GREY[..., None], None),
    ],
)
def test_16_bits_come_back(
    tmp_path: Path, values: np.ndarray, options: dict, pixels: np.ndarray, alpha: Any
) -> None:
    source = written(tmp_path, values, **options)
    picture = read_picture(source)
    assert (picture.bits, picture.guessed, picture.reduced) == (16, False, False)
    np.testing.assert_array_equal(np.round(picture.pixels * 65_535), pixels)
    for again in (picture, read_picture(encode_picture(picture, ".tif"))):
        np.testing.assert_allclose(again.pixels, picture.pixels, atol=1e-7)
        if alpha is None:
            assert again.alpha is None
        else:
            np.testing.assert_array_equal(again.alpha, alpha)


def test_premultiplied_colours_are_divided(tmp_path: Path) -> None:
    alpha = np.full((12, 20), 32_768, np.uint16)
    alpha[0] = 0
    premultiplied = np.round(COLOUR * (alpha / 65_535)[..., None]).astype(np.uint16)
    values = np.dstack([premultiplied, alpha])
    picture = read_picture(written(tmp_path, values, **_RGB, extrasamples=["assocalpha"]))
    np.testing.assert_allclose(picture.pixels[1:] * 65_535, COLOUR[1:], atol=1.01)
    np.testing.assert_array_equal(picture.alpha, alpha)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 3])
def test_floats_come_back(tmp_path: Path, kind: type, channels: int) -> None:
    values = RNG.random((12, 20, 3))[..., :channels].astype(kind)
    form = "rgb" if channels == 3 else "minisblack"
    source = written(tmp_path, values if channels == 3 else values[..., 0], photometric=form)
    picture = read_picture(source)
    np.testing.assert_allclose(picture.pixels, values, rtol=1e-6)
    assert (picture.floats, picture.extent, find_suffix(source)) == ((0.0, 1.0), None, ".tif")
    again = read_picture(encode_picture(picture, ".tif"))
    np.testing.assert_array_equal(again.pixels, picture.pixels)
    # A grey PNG has 16 bits for it.
    assert read_picture(encode_picture(picture)).bits == (16 if channels == 1 else 8)


def test_floats_of_another_range_keep_it(tmp_path: Path) -> None:
    values = np.float64(1e6) + 1000.0 * RNG.random((12, 20))
    picture = read_picture(written(tmp_path, values))
    assert (picture.pixels.min(), picture.pixels.max()) == (0.0, 1.0)
    assert picture.extent == picture.floats == (values.min(), values.max())
    (tmp_path / "b.tif").write_bytes(encode_picture(picture, ".tif"))
    np.testing.assert_allclose(tifffile.imread(tmp_path / "b.tif"), values, atol=0.1)
    constant = read_picture(written(tmp_path, np.full((12, 20), 77.0, np.float32)))
    assert constant.pixels.max() == 0.0


def test_colours_of_a_camera_have_their_own_white(tmp_path: Path) -> None:
    picture = read_picture(written(tmp_path, COLOUR >> 4, **_RGB))
    assert (picture.bits, picture.guessed) == (12, True)
    found = tifffile.imread(_saved(tmp_path, encode_picture(picture, ".tif")))
    np.testing.assert_array_equal(found, COLOUR >> 4)


def test_turned_pages_are_upright(tmp_path: Path) -> None:
    upright = COLOUR >> 8 << 8  # equal with 8 bits, which Pillow turns
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        Image.fromarray((upright >> 8).astype(np.uint8)).save(tmp_path / "b.tif", exif=exif)
        tag = [(274, "H", 1, orientation, True)]
        options = {**_RGB, "resolution": (300, 200), "resolutionunit": "inch"}
        source = written(tmp_path, upright, extratags=tag, software=False, **options)
        picture, same = read_picture(source), read_picture(tmp_path / "b.tif")
        np.testing.assert_array_equal(
            np.round(picture.pixels * 65_535).astype(np.uint16) >> 8, np.round(same.pixels * 255)
        )
        assert picture.dpi == ((300, 200) if orientation < 5 else (200, 300))
        assert picture.exif is None


def test_descriptions_and_exif_of_a_tiff_are_kept(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[270], exif[315] = "Größe in µm", "An artist"
    exif[34665] = {33434: 0.02, 37500: b"\0\1maker", 40965: {1: "R98"}}
    exif[34853] = {1: "N", 2: (1.0, 2.0, 3.0)}
    first = read_picture(encode_picture(_with_exif(exif.tobytes()), ".tif"))
    for _ in range(2):
        (tmp_path / "b.tif").write_bytes(encode_picture(first, ".tif"))
        with Image.open(tmp_path / "b.tif") as image:
            found = image.getexif()
            assert found[315] == "An artist"
            assert found.get_ifd(34665)[33434] == 0.02
            assert found.get_ifd(34665)[37500] == b"\0\1maker"
            assert found.get_ifd(40965)[1] == "R98"
            assert found.get_ifd(34853)[2] == (1.0, 2.0, 3.0)
        first = read_picture(tmp_path / "b.tif")


def test_a_thumbnail_of_a_deep_file_is_no_page(tmp_path: Path) -> None:
    floats = RNG.random((12, 20, 3)).astype(np.float32)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for kind in (0, 1, 0):
            writer.write(floats, photometric="rgb", metadata=None, subfiletype=kind)
    with open_pictures(tmp_path / "a.tif") as pictures:
        assert pictures.contents.count == len(list(pictures)) == 2


def test_a_stack_of_imagej_stays_one(tmp_path: Path) -> None:
    stack = np.stack([GREY, GREY.T.reshape(GREY.shape)])
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True)
    with open_pictures(tmp_path / "a.tif") as pictures, (tmp_path / "b.tif").open("w+b") as file:
        assert pictures.contents == Contents(2, suffix=".tif")
        save_pictures(file, pictures, ".tif", pictures.contents)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.is_imagej
        np.testing.assert_array_equal(file.asarray(), stack)


def lzw(content: bytes) -> bytes:
    """Compresses without a dictionary: a clear code before each run of bytes, codes of 9 bits."""
    codes = []
    for start in range(0, len(content), 200):
        codes += [256, *content[start : start + 200]]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def test_where_a_codec_is_missing_8_bits_are_read(tmp_path: Path) -> None:
    source = written(tmp_path, COLOUR, **_RGB)
    content = lzw(COLOUR.tobytes())
    place = source.stat().st_size
    with source.open("ab") as file:
        file.write(content)
    with tifffile.TiffFile(source, mode="r+b") as file:
        tags = file.pages[0].tags
        tags["Compression"].overwrite(5)
        tags["StripOffsets"].overwrite(place)
        tags["StripByteCounts"].overwrite(len(content))
    picture = read_picture(source)
    if picture.reduced:
        np.testing.assert_array_equal(np.round(picture.pixels * 255), COLOUR >> 8)
    else:  # the library is installed
        np.testing.assert_array_equal(np.round(picture.pixels * 65_535), COLOUR)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full((12, 20), np.nan, np.float32), "not finite numbers"),
        (np.full((12, 20), 1e50), "not finite numbers of 32 bits"),
        (np.full((12, 20), 70_000, np.uint32), "more than 16 bits"),
        (np.zeros((12, 20), np.uint64), "1 x 64-bit unsigned samples"),
        (np.zeros((12, 20), np.complex64), "1 x 64-bit complex samples"),
        (np.zeros((12, 20, 7), np.uint16), "7 x 16-bit unsigned samples"),
    ],
)
def test_other_samples_are_named(tmp_path: Path, values: np.ndarray, words: str) -> None:
    options = {"planarconfig": "contig"} if values.ndim == 3 else {}
    with pytest.raises(UnreadableImageError, match=words):
        read_picture(written(tmp_path, values, photometric="minisblack", **options))


def _saved(folder: Path, content: bytes) -> Path:
    (folder / "saved.tif").write_bytes(content)
    return folder / "saved.tif"


def _with_exif(exif: bytes) -> Any:
    return replace(from_integers(COLOUR, None), exif=exif)
