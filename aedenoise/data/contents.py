"""Recognises what a folder of pictures holds: glyphs, pages or photographs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from aedenoise.config.recipes import GLYPHS, PAGES, PHOTOGRAPHS
from aedenoise.data.folder_layout import find_images
from aedenoise.data.images import UnreadableImageError
from aedenoise.data.page_reading import read_pages

# Pictures that are looked at, evenly spaced over the folder, and the longest side to which each is
# reduced: enough to tell ink on paper from a photograph.
_LOOKED_AT = 16
_SIDE = 512
_GLYPH_SIDE = 64
# Ink and paper fill a page: few pixels lie between them, and paper is most of it.
_BETWEEN = 0.25
# Grey levels from dark to light below which a picture is empty.
_CONTRAST = 13
_PAPER = 0.6


def recognise(place: Path) -> tuple[str, int, int]:
    """Returns what most pictures of a folder are, how many are, and how many were looked at.

    A folder without readable pictures counts as one of glyphs; reading it says what is wrong.
    """
    files = ["/".join(parts) for parts in find_images(place).files] if place.is_dir() else []
    places = np.linspace(0, len(files) - 1, min(_LOOKED_AT, len(files))).astype(int)
    kinds: Counter[str] = Counter()
    for number in places:
        try:
            kinds[read_pages(place / files[number], _kind).results[0]] += 1
        except UnreadableImageError:
            continue
    if not kinds:
        return GLYPHS, 0, 0
    kind, count = kinds.most_common(1)[0]
    return kind, count, kinds.total()


def _kind(image: Image.Image) -> str:
    if min(image.size) <= _GLYPH_SIDE:
        return GLYPHS
    grey = image.convert("L")
    # Nearest pixels: averages would lie between ink and paper.
    grey.thumbnail((_SIDE, _SIDE), Image.Resampling.NEAREST)
    return PAGES if is_page(np.asarray(grey)) else PHOTOGRAPHS


def is_page(pixels: np.ndarray) -> bool:
    """Returns True for ink on paper, of either polarity: grey values ``[H, W]`` from 0 to 255."""
    low, high = np.quantile(pixels, [0.01, 0.99])
    if high - low < _CONTRAST:
        return False
    stretched = np.clip((pixels - low) / (high - low), 0.0, 1.0)
    dark, light = float((stretched < 0.3).mean()), float((stretched > 0.7).mean())
    return 1.0 - dark - light < _BETWEEN and max(dark, light) > _PAPER
