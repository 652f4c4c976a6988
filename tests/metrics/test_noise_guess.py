"""The guess of the kind and level of noise, on photographs, letters and digits."""

from __future__ import annotations

import io

import numpy as np
import pytest
from helpers import letters
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from aedenoise.data.reading import load
from aedenoise.metrics.noise_guess import (
    GAUSSIAN,
    JPEG,
    NONE,
    POISSON_GAUSSIAN,
    SALT_PEPPER,
    guess_noise,
)
from aedenoise.metrics.noise_level import (
    NoiseLine,
    Patches,
    cut_patches,
    fit_line,
    flat_variance,
)

RNG = np.random.default_rng(0)


def photographs() -> list[np.ndarray]:
    names = ("camera", "astronaut", "coffee", "chelsea")
    return [_scaled(getattr(data, name)()) for name in names]


def _scaled(image: np.ndarray) -> np.ndarray:
    image = image.astype(np.float32) / np.float32(255)
    return image if image.ndim == 3 else image[..., None]


@pytest.fixture(scope="module")
def pictures(data_dir: str) -> dict[str, list[np.ndarray]]:
    digits = load("mnist", data_dir).train.images[:1000]
    return {
        "photographs": photographs(),
        "letters": [_scaled(each) for each in letters(1000)],
        "digits": [_scaled(each) for each in digits],
    }


def gaussian(image: np.ndarray, level: float) -> np.ndarray:
    return image + level * RNG.standard_normal(image.shape, np.float32)


def salted(image: np.ndarray, share: float) -> np.ndarray:
    u = RNG.random((*image.shape[:2], 1))
    return np.where(u < share, (u < 0.5 * share).astype(np.float32), image)


def in_bytes(image: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.float32) / np.float32(255.0)


def as_jpeg(image: np.ndarray) -> np.ndarray:
    pixels = np.rint(image * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels if pixels.shape[-1] == 3 else pixels[..., 0]).save(file, "JPEG")
    return _scaled(np.asarray(Image.open(file)))


KINDS = ("photographs", "letters", "digits")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0.02, 0.05, 0.1, 0.2, 0.4])
def test_gaussian_noise_is_known_within_a_tenth(
    kind: str, level: float, pictures: dict[str, list[np.ndarray]]
) -> None:
    found = guess_noise([gaussian(image, level) for image in pictures[kind]])
    assert (found.kind, found.gain) == (GAUSSIAN, 0.0)
    assert found.level == pytest.approx(level, rel=0.1)
    assert found.sure > 0.7
    # What it says of its own error is of the right size.
    assert abs(found.level / level - 1.0) < 6.0 * found.error + 0.05


@pytest.mark.parametrize("name", ["coins", "moon", "page", "text", "rocket", "brick"])
@pytest.mark.parametrize("level", [0.05, 0.2])
def test_one_picture_is_enough(name: str, level: float) -> None:
    found = guess_noise([gaussian(_scaled(getattr(data, name)()), level)])
    assert found.kind == GAUSSIAN
    assert found.level == pytest.approx(level, rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0.1, 0.2])
def test_noise_clipped_to_bytes_is_known_nearly_as_well(
    kind: str, level: float, pictures: dict[str, list[np.ndarray]]
) -> None:
    found = guess_noise([in_bytes(gaussian(image, level)) for image in pictures[kind]])
    assert found.kind == GAUSSIAN
    assert found.level == pytest.approx(level, rel=0.1)
    assert found.clipped > 0.03


@pytest.mark.parametrize(("gain", "read"), [(0.01, 0.02), (0.04, 0.02), (0.04, 0.1)])
def test_photon_noise_is_a_line_over_brightness(gain: float, read: float) -> None:
    noisy = [gaussian(RNG.poisson(image / gain) * gain, read) for image in photographs()]
    found = guess_noise([each.astype(np.float32) for each in noisy])
    assert found.kind == POISSON_GAUSSIAN
    assert found.gain == pytest.approx(gain, rel=0.1)
    assert found.level == pytest.approx(read, rel=0.1, abs=0.006)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_salt_and_pepper_are_counted(
    kind: str, share: float, pictures: dict[str, list[np.ndarray]]
) -> None:
    found = guess_noise([salted(image, share) for image in pictures[kind]])
    assert found.kind == SALT_PEPPER
    assert found.level == pytest.approx(share, rel=0.1)
    assert found.sure > 0.8


def test_blocks_of_jpeg_and_clean_pictures_are_no_noise(
    pictures: dict[str, list[np.ndarray]],
) -> None:
    for image in photographs()[1:]:
        assert guess_noise([as_jpeg(image)]).kind == JPEG
        assert guess_noise([image]).kind == NONE
    for kind in KINDS:
        assert guess_noise(pictures[kind]).kind == NONE
    assert str(guess_noise(pictures["letters"])).startswith("no noise, ")


def test_texture_without_flat_parts_is_not_sure_of_itself() -> None:
    assert guess_noise([_scaled(data.grass())]).sure < 0.3


def mixed_patches(scale: float, flat: float, freedom: int, seed: int) -> Patches:
    """Draws the variances of patches of which a part is flat."""
    rng = np.random.default_rng(seed)
    values = rng.chisquare(freedom, 4000) / freedom
    structured = rng.random(4000) > flat
    values[structured] *= rng.uniform(3.0, 100.0, int(structured.sum()))
    return Patches(np.zeros(4000), scale * values, freedom)


@given(
    scale=st.floats(1e-3, 1.0),
    flat=st.floats(0.4, 1.0),
    freedom=st.sampled_from([13, 33, 61]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=30, deadline=None)
def test_flat_patches_are_found_among_others(
    scale: float, flat: float, freedom: int, seed: int
) -> None:
    found, count = flat_variance(mixed_patches(scale, flat, freedom, seed))
    # One draw in about a thousand is 0.16 off.
    assert found == pytest.approx(scale, rel=0.25)
    assert count > 200


@pytest.mark.parametrize("flat", [0.4, 0.7, 1.0])
def test_the_variance_of_flat_patches_is_right_on_average(flat: float) -> None:
    freedoms = [13, 33, 61]
    found = [
        flat_variance(mixed_patches(1.0, flat, freedoms[seed % 3], seed))[0] for seed in range(60)
    ]
    assert np.mean(found) == pytest.approx(1.0, abs=0.015)
    assert np.std(found) < 0.04


def test_a_plane_is_no_noise_and_few_patches_say_nothing() -> None:
    rows, columns = np.mgrid[:64, :64]
    plane = (0.01 * rows + 0.004 * columns)[..., None]
    patches = cut_patches([plane], 8)
    np.testing.assert_allclose(patches.variance, 0.0, atol=1e-12)
    assert flat_variance(patches[np.arange(10)]) == (0.0, 0)
    assert fit_line(cut_patches([np.zeros((3, 3, 1))], 4)) == NoiseLine(0.0, 0.0, np.sqrt(8 / 13))


def test_a_tiny_picture_is_too_little_to_guess_from() -> None:
    found = guess_noise([gaussian(np.full((12, 12, 1), 0.5, np.float32), 0.1)])
    assert (found.kind, found.sure) == (NONE, 0.0)
    # Without any noise in it, a picture of one colour is clean.
    assert guess_noise([np.full((64, 64, 1), 0.5, np.float32)]).sure == 1.0
