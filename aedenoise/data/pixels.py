"""Picture: the pixels of an image file as floats, with all that its result must keep."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from aedenoise.data.images import UnreadableImageError

# Depths of cameras and scanners, whose values lie in the low bits of 16.
_DEPTHS = (8, 10, 12, 14)
# Floats from here to there are noise on the [0, 1] range; others have a range of their own.
_LEAST_FLOAT, _MOST_FLOAT = -3.0, 4.0


@dataclass(frozen=True)
class Picture:
    """Picture with its EXIF orientation applied.

    Attributes:
      pixels: float32 ``[H, W, 1]`` or ``[H, W, 3]`` in [0, 1]; of a file of floats also beyond.
      alpha: uint8 or uint16 ``[H, W]``, or None for an opaque picture.
      bits: significant bits, from 8 to 16; white is ``2**bits - 1``.
      floats: the file's floats for black and white, or None for a file of integers.
      extent: lowest and highest float of a file, if they are not in [0, 1].
      profile: ICC colour profile, if any.
      dpi: horizontal and vertical resolution, if the file has one.
      exif: EXIF data as bytes, without orientation, if any.
      duration: milliseconds for which a frame of an animation is shown.
      guessed: True if ``bits`` was chosen by the largest value, not stated by the file.
      reduced: True if the file has 16 bits per channel, of which 8 were read.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    bits: int = 8
    floats: tuple[float, float] | None = None
    extent: tuple[float, float] | None = None
    profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    duration: float = 0.0
    guessed: bool = False
    reduced: bool = False

    def with_pixels(self, pixels: np.ndarray) -> Picture:
        """Returns a copy with other pixels."""
        return replace(self, pixels=pixels)


def from_image(image: Image.Image, layout: str, stated: int | None) -> Picture:
    """Converts the pixels of an image.

    Args:
      image: image that is loaded and upright.
      layout: Pillow's name of the layout in the file, see ``find_layout``.
      stated: significant bits in the tags of a TIFF, or None.

    Raises:
      UnreadableImageError: if its values have no known range.
    """
    key = image.info.get("transparency")
    if image.mode.startswith("I;16") or image.mode == "I":
        return from_integers(np.asarray(image)[..., None], stated, key=key)
    if image.mode == "F":
        return from_floats(np.asarray(image)[..., None])
    reduced = ";16" in layout
    if reduced and isinstance(key, tuple):
        # Pillow keeps the high bytes of the pixels, yet the whole words of their transparent value.
        image.info["transparency"] = tuple(value >> 8 for value in key)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        grey = image.mode in ("LA", "La", "L") or layout.startswith("LA")
        plain = image.convert("RGBA")
        alpha = np.asarray(plain.getchannel("A"))
        pixels = _bytes(plain.getchannel("R") if grey else plain.convert("RGB"))
        return Picture(pixels, alpha, reduced=reduced)
    kind = "L" if image.mode in ("1", "L") else "RGB"
    return Picture(_bytes(image.convert(kind)), reduced=reduced)


def from_integers(
    values: np.ndarray, stated: int | None, *, alpha: np.ndarray | None = None, key: Any = None
) -> Picture:
    """Converts values ``[H, W, C]`` of up to 16 bits, whose range may be smaller than 16 bits.

    Args:
      values: the values.
      stated: significant bits that the file states, or None.
      alpha: opacity, uint8 or uint16 ``[H, W]``.
      key: value of transparent pixels of a grey picture, if it is an integer.

    Raises:
      UnreadableImageError: if values need more than 16 bits.
    """
    opaque = values[..., 0] != key if isinstance(key, int) else None
    # Pillow uses a 32-bit mode for some 16-bit files.
    most = int(values.max(initial=0, where=True if opaque is None else opaque[..., None]))
    if most > 65_535:
        raise UnreadableImageError("has pixels of more than 16 bits; convert it to 16 bits")
    bits = min(16, stated or 16)
    least = next((depth for depth in _DEPTHS if most < 2**depth), bits)
    # A file that states the depth of a camera is believed; 15 is that of any signed file.
    guessed = most > 0 and bits > max(_DEPTHS) and least < bits
    bits = max(8, least if guessed else bits, most.bit_length())
    # Signed files can have negative values.
    pixels = values.clip(0, 2**bits - 1).astype(np.float32)
    pixels /= np.float32(2**bits - 1)
    if opaque is not None:
        alpha = np.where(opaque, 255, 0).astype(np.uint8)
    return Picture(pixels, alpha, bits, guessed=guessed)


def from_floats(values: np.ndarray, alpha: np.ndarray | None = None) -> Picture:
    """Converts floats ``[H, W, C]``.

    0 is black and 1 is white where the values could be noise on that range; otherwise the lowest
    is black and the highest is white.

    Raises:
      UnreadableImageError: if a value is not finite in 32 bits.
    """
    least, most = float(values.min()), float(values.max())
    # NaN fails too: every comparison with it is false. Results are floats of 32 bits.
    if not max(-least, most) <= np.finfo(np.float32).max:
        raise UnreadableImageError("has pixels that are not finite numbers of 32 bits")
    known = least >= _LEAST_FLOAT and most <= _MOST_FLOAT
    black, white = (0.0, 1.0) if known else (least, most if most > least else least + 1.0)
    pixels = values.astype(np.float32)
    if not known:
        # In double precision: counts of a detector have more digits than a float32.
        pixels = ((values.astype(np.float64) - black) / (white - black)).astype(np.float32)
    extent = None if least >= 0.0 and most <= 1.0 else (least, most)
    return Picture(pixels, alpha, 16, (black, white), extent)


def scale_alike(first: Picture, second: Picture) -> tuple[Picture, Picture]:
    """Scales two pictures of one scene to a common range, unless their files have two scales.

    Each alone has its range from its own values, of which noise changes the largest: 1,000 needs 10
    bits and 1,100 needs 12. A file of another scale is known by a mean that is then further away.
    """
    if (first.floats is None) != (second.floats is None):
        return first, second
    ends = [each.floats or (0.0, 2.0**each.bits - 1.0) for each in (first, second)]
    black, white = min(least for least, _ in ends), max(most for _, most in ends)
    scaled = []
    for picture, (least, most) in zip((first, second), ends, strict=True):
        factor, offset = (most - least) / (white - black), (least - black) / (white - black)
        scaled.append(picture.with_pixels(np.float32(factor) * picture.pixels + np.float32(offset)))
    before, after = (
        abs(float(one.pixels.mean()) - float(other.pixels.mean()))
        for one, other in ((first, second), scaled)
    )
    # Floats that are each scaled from lowest to highest have nearly the same mean by that alone.
    stretched = all(each.floats not in (None, (0.0, 1.0)) for each in (first, second))
    return (scaled[0], scaled[1]) if stretched or after < before else (first, second)


def grey_if_possible(picture: Picture) -> Picture:
    """Returns a picture whose channels are equal with one channel, and any other unchanged."""
    pixels = picture.pixels
    if pixels.shape[-1] == 3 and (pixels == pixels[..., :1]).all():
        return picture.with_pixels(pixels[..., :1])
    return picture


def opaque(kind: np.dtype[Any]) -> int:
    """Returns the value of opaque pixels, which is white too, of 8 or 16 bits."""
    return 255 if kind == np.uint8 else 65_535


def find_layout(image: Image.Image) -> str:
    """Returns Pillow's name of the layout in the file, such as ``RGB;16B``, before it is loaded."""
    tiles = getattr(image, "tile", None)
    parameters = tiles[0][3] if tiles else ""
    return str(parameters[0] if isinstance(parameters, tuple) and parameters else parameters)


def _bytes(image: Image.Image) -> np.ndarray:
    values = np.array(image, np.float32)
    values /= np.float32(255.0)
    return values[..., None] if values.ndim == 2 else values
