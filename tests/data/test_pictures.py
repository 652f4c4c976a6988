"""Users' pictures: depth, transparency, resolution and profile survive; reasons of refusals."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from aedenoise.config.denoise_options import WRITTEN
from aedenoise.data.images import UnreadableImageError
from aedenoise.data.page_reading import read_pages
from aedenoise.data.picture_writing import encode_picture
from aedenoise.data.pictures import LARGEST_PICTURE, read_picture

RNG = np.random.default_rng(0)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def deep_image(largest: int, shape: tuple[int, int] = (12, 20)) -> Image.Image:
    values = RNG.integers(0, largest + 1, shape).astype(np.uint16)
    values[0, 0] = largest
    return Image.fromarray(values)


def png(width: int, height: int, *, depth: int, kind: int, row: bytes = b"") -> bytes:
    """Builds a PNG whose rows are all ``row``."""

    def chunk(name: bytes, content: bytes) -> bytes:
        whole = name + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    pixels = zlib.compress((b"\0" + row) * (height if row else 1))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@pytest.mark.parametrize(
    ("largest", "bits"), [(200, 8), (1000, 10), (4095, 12), (9000, 14), (16_384, 16), (65_535, 16)]
)
def test_white_is_that_of_the_bits_in_use(form: str, largest: int, bits: int) -> None:
    image = deep_image(largest)
    picture = read_picture(encoded(image, form))
    assert (picture.bits, picture.guessed) == (bits, bits < 16)
    np.testing.assert_allclose(picture.pixels[0, 0], largest / (2**bits - 1), rtol=1e-6)
    for suffix in (".png", ".tif"):
        with Image.open(io.BytesIO(encode_picture(picture, suffix))) as again:
            np.testing.assert_array_equal(np.asarray(again), np.asarray(image))


def test_a_tiff_states_its_depth() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[281] = 4095  # MaxSampleValue
    picture = read_picture(encoded(deep_image(900), "TIFF", tiffinfo=tags))
    assert (picture.bits, picture.guessed) == (12, False)
    picture = read_picture(encoded(deep_image(60_000), "TIFF", tiffinfo=tags))
    assert picture.bits == 16  # a tag that the pixels contradict


def test_pixels_of_more_than_16_bits_are_refused() -> None:
    image = Image.fromarray(np.full((4, 4), 70_000, np.int32))
    with pytest.raises(UnreadableImageError, match="more than 16 bits; convert"):
        read_picture(encoded(image, "TIFF"))


def test_black_of_16_bits_stays_16_bits() -> None:
    picture = read_picture(encoded(deep_image(0)))
    assert (picture.bits, picture.guessed) == (16, False)


def test_16_bit_transparency_is_kept() -> None:
    image = deep_image(65_535)
    values = np.asarray(image).copy()
    values[:3] = 77
    picture = read_picture(encoded(Image.fromarray(values), transparency=77))
    assert picture.bits == 16
    np.testing.assert_array_equal(picture.alpha == 0, values == 77)
    again = read_picture(encode_picture(picture))
    np.testing.assert_array_equal(again.alpha, picture.alpha)
    opaque = picture.alpha > 0
    np.testing.assert_array_equal(again.pixels[opaque], picture.pixels[opaque])
    assert read_picture(encode_picture(picture, ".tif")).alpha is not None
    # The transparent value is no brightness: it does not decide on the depth.
    values = np.asarray(deep_image(4095)).copy()
    values[:3] = 65_535
    picture = read_picture(encoded(Image.fromarray(values), transparency=65_535))
    assert picture.bits == 12


def test_a_transparent_value_where_all_are_in_use() -> None:
    values = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    alpha = np.full((256, 257), 255, np.uint8)
    alpha[:, 256] = 0
    picture = read_picture(encoded(Image.fromarray(np.pad(values, ((0, 0), (0, 1))))))
    again = read_picture(encode_picture(type(picture)(picture.pixels, alpha, 16)))
    np.testing.assert_array_equal(again.alpha, alpha)


@pytest.mark.parametrize("kind", [2, 4, 6])
def test_of_16_bits_per_channel_8_are_read_and_said_so(kind: int) -> None:
    row = bytes([200, 1] * {2: 3, 4: 2, 6: 4}[kind] * 5)
    picture = read_picture(png(5, 4, depth=16, kind=kind, row=row))
    assert picture.reduced
    assert picture.pixels.shape == (4, 5, 1 if kind == 4 else 3)
    assert (picture.alpha is None) == (kind == 2)


@pytest.mark.parametrize("suffix", WRITTEN)
@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"])
def test_resolution_and_profile_are_kept(mode: str, suffix: str) -> None:
    grey = Image.fromarray(RNG.integers(0, 256, (12, 20), np.uint8))
    image = deep_image(65_535) if mode == "I;16" else grey.convert(mode)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = read_picture(encoded(image, dpi=(300, 200), icc_profile=profile))
    again = read_picture(encode_picture(picture, suffix))
    assert picture.profile == profile
    # BMP has no place for a profile, WebP none for a resolution, GIF for neither.
    assert again.profile == (None if suffix in (".bmp", ".gif") else profile)
    if suffix not in (".webp", ".gif"):
        assert again.dpi == pytest.approx((300, 200), abs=0.5)


def test_the_resolution_turns_with_the_picture() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    image = Image.fromarray(np.zeros((12, 20), np.uint8))
    picture = read_picture(encoded(image, "JPEG", dpi=(300, 200), exif=turned))
    assert picture.pixels.shape == (20, 12, 1)
    assert picture.dpi == (200, 300)
    assert read_picture(encoded(image, "TIFF")).dpi is None


def test_damaged_exif_is_ignored(tmp_path: Path) -> None:
    image = Image.fromarray(RNG.integers(0, 256, (12, 20), np.uint8))
    content = encoded(image, exif=b"no exif")
    np.testing.assert_array_equal(
        np.round(read_picture(content).pixels[..., 0] * 255), np.asarray(image)
    )
    (tmp_path / "a.png").write_bytes(content)
    (found,) = read_pages(tmp_path / "a.png", np.array).results
    np.testing.assert_array_equal(found, np.asarray(image))


def test_large_pictures_are_refused_by_their_size() -> None:
    for side in (60_000, 13_400):
        with pytest.raises(UnreadableImageError, match=f"has {side**2:,} pixels, more than") as e:
            read_picture(png(side, side, depth=8, kind=0))
        assert f"{LARGEST_PICTURE:,}" in str(e.value)
    # A3 at 600 dpi: the size is accepted, and only its pixels are missing.
    with pytest.raises(UnreadableImageError, match="damaged or cut short"):
        read_picture(png(9921, 7016, depth=1, kind=0))


def test_a_tiff_that_cannot_be_read_is_described() -> None:
    content = bytearray(encoded(Image.fromarray(np.zeros((4, 6, 3), np.uint8)), "TIFF"))
    tags = TiffImagePlugin.ImageFileDirectory_v2(bytes(content[:8]))
    (count,) = struct.unpack_from("<H", content, tags.next)
    for entry in range(count):
        place = tags.next + 2 + 12 * entry
        tag, _, _, value = struct.unpack_from("<HHII", content, place)
        if tag == 258:  # BitsPerSample
            struct.pack_into("<HHH", content, value, 64, 64, 64)
        if tag == 284:  # PlanarConfiguration
            struct.pack_into("<I", content, place + 8, 2)
    with pytest.raises(UnreadableImageError, match="3 x 64-bit unsigned samples in separate"):
        read_picture(bytes(content))
    with pytest.raises(UnreadableImageError, match="no image of a known format"):
        read_picture(b"II*\0 and no table of tags")
