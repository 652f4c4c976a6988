"""Pairs of a clean and a noisy page, each a function of seed, split and number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from experiments.scans.fonts import Family
from experiments.scans.layout import HEIGHT, WIDTH, draw_page, draw_test_page
from experiments.scans.recipe import degrade

INVERTED = 0.1
TEST_SEED, TEST_PAGES = 1865, 20
_TRAINING, _TEST = 0, 1
_TEST_LEAST = 0.6


@dataclass(frozen=True)
class Pair:
    """A clean page and its scan, uint8 ``[H, W]`` of the same geometry, and the page's text."""

    clean: np.ndarray
    noisy: np.ndarray
    text: str


def make_pair(
    seed: int,
    number: int,
    families: Sequence[Family],
    *,
    height: int = HEIGHT,
    width: int = WIDTH,
) -> Pair:
    """Returns a pair of training; a tenth of them is light on dark."""
    rng = np.random.default_rng((seed, _TRAINING, number))
    page = draw_page(rng, families, height, width)
    clean, noisy = page.pixels, degrade(rng, page.pixels, page.x_height)
    if rng.random() < INVERTED:
        clean, noisy = 1.0 - clean, 1.0 - noisy
    return Pair(_to_bytes(clean), _to_bytes(noisy), page.text)


def make_test_pair(
    number: int, families: Sequence[Family], *, height: int = HEIGHT, width: int = WIDTH
) -> Pair:
    """Returns a pair of the test, dark on light, the families in turn.

    The damage is that of training, but severe and on every page: one that is read without an error
    before denoising says little.
    """
    rng = np.random.default_rng((TEST_SEED, _TEST, number))
    page = draw_test_page(rng, families[number % len(families)], height, width)
    noisy = degrade(rng, page.pixels, page.x_height, nearly_clean=0.0, least=_TEST_LEAST)
    return Pair(_to_bytes(page.pixels), _to_bytes(noisy), page.text)


def write_pair(folder: Path, number: int, pair: Pair, *, with_text: bool = False) -> None:
    """Writes ``clean/NNN.png`` and ``noisy/NNN.png``, and ``text/NNN.txt`` if asked for."""
    for kind, pixels in (("clean", pair.clean), ("noisy", pair.noisy)):
        path = folder / kind / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Noise hardly compresses: level 1 is three times as fast, and its files are as small.
        Image.fromarray(pixels).save(path, compress_level=1)
    if with_text:
        path = folder / "text" / f"{number:03d}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pair.text + "\n", encoding="utf-8")


def _to_bytes(page: np.ndarray) -> np.ndarray:
    return np.asarray(np.round(np.clip(page, 0.0, 1.0) * 255.0), np.uint8)
