"""Settings for folders of pictures: where a user gives none, what the folder holds decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GLYPHS, PAGES, PHOTOGRAPHS = "glyphs", "pages", "photographs"

# Single characters are what the defaults are made for. Larger pictures are cut, not shrunk, since a
# network learns strokes and edges of the size that they have; their networks are wider, since one
# picture shows more kinds of them. The figures are in docs/recipes.md.
_CUT = {
    "data.fit": "crop",
    "model.encoder_features": (64, 128),
    "model.decoder_features": (128, 64),
}
RECIPES: dict[str, dict[str, Any]] = {
    GLYPHS: {},
    PAGES: {
        **_CUT,
        "data.image_size": 32,
        "noise.level": 0.05,
        "noise.level_max": 0.4,
        "optimizer.name": "adam",
        "optimizer.learning_rate": 3e-3,
        "epochs": 20,
    },
    # The network of the packed ``photos``: skip connections carry what a bottleneck loses. Faint
    # noise is learned too, so that a picture that has little of it keeps its detail.
    PHOTOGRAPHS: {
        "data.fit": "patches",
        "data.turned": True,
        "data.image_size": 64,
        "model.encoder_features": (24, 48, 96),
        "model.decoder_features": (96, 48, 24),
        "model.skip": "concat",
        "model.convs": 2,
        "model.residual": True,
        "noise.level": 0.0,
        "noise.level_max": 0.25,
        "optimizer.learning_rate": 2e-3,
        "loss": "charbonnier",
        "batch_size": 32,
        "epochs": 40,
    },
}


_WIDTHS = ("model.encoder_features", "model.decoder_features")


def fill_in(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings for a folder of pictures of ``kind`` that ``given`` leaves open.

    A network or noise that is given brings settings of its own, and so do widths.
    """
    own = {
        prefix
        for prefix, path in (("model.", "model.network"), ("noise.", "noise.kind"))
        if path in given
    }
    if "noise.level" in given:
        own.add("noise.")
    if any(path in given for path in _WIDTHS):
        own |= set(_WIDTHS)
    if given.get("data.fit", "patches") != "patches":
        own.add("data.turned")
    return {
        path: value
        for path, value in RECIPES[kind].items()
        if path not in given and not any(path.startswith(prefix) for prefix in own)
    }


def fill_in_pairs(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of ``fill_in`` for pairs, which bring their noise and are not scaled."""
    found = fill_in(kind, given)
    settings = {path: value for path, value in found.items() if not path.startswith("noise.")}
    return {**settings, "data.fit": "patches"} if "data.fit" in settings else settings
