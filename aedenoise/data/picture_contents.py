"""Contents of an image file: pages of a TIFF, frames of an animation, and what can hold them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from PIL import Image

from aedenoise.data.images import ANIMATED, is_page
from aedenoise.data.tiff import is_deep

# Endings of animations, by Pillow's name of the format.
_ANIMATED_SUFFIX = {"GIF": ".gif", "PNG": ".png", "WEBP": ".webp"}


@dataclass(frozen=True)
class Contents:
    """What an image file holds.

    Attributes:
      count: number of pages or frames.
      animated: True for frames of an animation, False for pages.
      plays: number of times that an animation is shown; 0: without end.
      cover: True if the first frame is shown only by programs without animations (PNG).
      suffix: ending of a file that holds all of it.
    """

    count: int = 1
    animated: bool = False
    plays: int = 0
    cover: bool = False
    suffix: str = ".png"


def list_pages(image: Image.Image) -> list[int]:
    """Lists the places of the pages or frames, without smaller versions of pages."""
    # Other formats with several pictures (MPO) hold versions of the first.
    count = getattr(image, "n_frames", 1) if image.format in (*ANIMATED, "TIFF") else 1
    if image.format != "TIFF" or count == 1:
        return list(range(count))
    found = [0]
    for number in range(1, count):
        # A page of a kind that Pillow does not know raises one of many types.
        with suppress(Exception):
            image.seek(number)
            if not is_page(image):
                continue
        found.append(number)
    image.seek(0)
    return found


def find_contents(image: Image.Image, count: int) -> Contents:
    """Returns what a file holds, with the number of its pages or frames."""
    if count > 1 and image.format in _ANIMATED_SUFFIX:
        cover = bool(image.info.get("default_image"))
        return Contents(count, True, _plays(image), cover, _ANIMATED_SUFFIX[image.format])
    # What no PNG holds.
    deep = count > 1 or is_deep(image) or image.mode == "F"
    return Contents(count, suffix=".tif" if deep else ".png")


def _plays(image: Image.Image) -> int:
    """Returns how often an animation is shown. A GIF counts repetitions, and none if it has no
    number; the others count showings."""
    loop = image.info.get("loop", None if image.format == "GIF" else 0)
    if image.format != "GIF":
        return int(loop or 0)
    return 1 if loop is None else loop and int(loop) + 1
