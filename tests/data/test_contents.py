"""What a folder of pictures holds, and the settings that follow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from aedenoise.config import Experiment, override, replace
from aedenoise.config.recipes import GLYPHS, PAGES, PHOTOGRAPHS, RECIPES, fill_in, fill_in_pairs
from aedenoise.data.contents import is_page, recognise


def _save(folder: Path, name: str, pixels: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    Image.fromarray((255 * np.clip(pixels, 0.0, 1.0)).astype(np.uint8)).save(folder / name)


def _page(light: float, dark: float) -> np.ndarray:
    page = np.full((300, 200), light)
    page[20:280:12, 20:180] = dark
    page[21:281:12, 20:180:3] = dark
    return page


def _photograph() -> np.ndarray:
    y, x = np.mgrid[0:300, 0:200]
    return 0.5 + 0.3 * np.sin(x / 30.0) + 0.2 * np.cos(y / 45.0)


def test_pages_and_photographs_are_told_apart(tmp_path: Path) -> None:
    assert is_page(255 * _page(0.9, 0.2))
    assert is_page(255 * _page(0.1, 1.0))  # light on dark
    assert not is_page(255 * _photograph())
    assert not is_page(np.full((100, 100), 180, np.uint8))
    for number in range(3):
        _save(tmp_path / "mixed", f"photo{number}.png", _photograph())
    _save(tmp_path / "mixed", "page.png", _page(1.0, 0.0))
    (tmp_path / "mixed" / "broken.png").write_bytes(b"nothing")
    assert recognise(tmp_path / "mixed") == (PHOTOGRAPHS, 3, 4)
    _save(tmp_path / "small", "a.png", _page(1.0, 0.0)[:28, :28])
    assert recognise(tmp_path / "small") == (GLYPHS, 1, 1)
    assert recognise(tmp_path / "nothing") == (GLYPHS, 0, 0)
    assert recognise(ROOT / "docs" / "samples")[2] == 2


_WIDTHS = ("model.encoder_features", "model.decoder_features")


@pytest.mark.parametrize("kind", RECIPES)
def test_recipes_are_experiments_and_flags_come_first(kind: str) -> None:
    folder = {"data.dataset": "folder:mine"}
    replace(Experiment(), {**folder, **RECIPES[kind]})
    assert fill_in(kind, {}) == RECIPES[kind]
    given = {"noise.level": 0.2, "model.network": "mlp", "epochs": 1}
    left = fill_in(kind, given)
    assert not {"epochs", "noise.level_max", "model.encoder_features"} & set(left)
    assert not set(_WIDTHS) & set(fill_in(kind, {"model.encoder_features": (4, 4)}))
    assert "data.turned" not in fill_in(kind, {"data.fit": "crop"})
    replace(Experiment(), {**folder, **left, **given})


def test_pairs_bring_their_noise_and_are_cut_to_patches() -> None:
    assert fill_in_pairs(GLYPHS, {}) == {}
    for kind in (PAGES, PHOTOGRAPHS):
        settings = fill_in_pairs(kind, {"epochs": 3})
        assert settings["data.fit"] == "patches"
        assert settings["optimizer.learning_rate"] == RECIPES[kind]["optimizer.learning_rate"]
        assert "epochs" not in settings
        assert not [path for path in settings if path.startswith("noise.")]
        override(Experiment(), {"data.dataset": "pairs:noisy,clean", **settings})
    assert fill_in_pairs(PHOTOGRAPHS, {})["data.turned"]
