"""Settings for a folder of noisy pictures, from a guess of their noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aedenoise.config import dataset_kind
from aedenoise.config.recipes import fill_in
from aedenoise.config.validation import local_path
from aedenoise.data.contents import recognise
from aedenoise.data.noisy_folder import read_some
from aedenoise.errors import DataError
from aedenoise.metrics.noise_guess import (
    GAUSSIAN,
    JPEG,
    NONE,
    POISSON_GAUSSIAN,
    NoiseGuess,
    guess_noise,
)

# Pictures to guess from: enough for a level within a few per mille, and a second or two.
_PIXELS, _FILES = 2**20, 1500
# Relative error of the level up to which SURE may rely on it, and confidence below which a guess is
# none.
_KNOWN, _UNSURE = 0.03, 0.3
# Share of clipped pixels above which the mean of the noise is shifted noticeably.
_CLIPPED = 0.05
_LARGEST, _SMALLEST, _UNIT = 64, 16, 4


def choose_settings(dataset: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Chooses the settings for ``noisy:DIR`` that ``given`` leaves open.

    The level and the loss come from a guess of the noise, the square and the network from the
    pictures.

    Returns:
      Settings by dotted path, and lines about the guess.

    Raises:
      DataError: if there is no picture, or no noise in them and no ``loss`` in ``given``.
      UsageError: if the path is not a local one.
    """
    place = local_path("noisy", dataset_kind(dataset)[1])
    images, looked_at, files = read_some(place, _PIXELS, _FILES)
    if not images:
        return {}, []  # reading the folder says what is wrong
    guess = guess_noise(images)
    lines = [f"{place}: {guess} (looked at {looked_at:,} of {files:,} files)"]
    stated = "noise.level" in given or "noise.gain" in given
    if guess.sure == 0.0 and not stated and "loss" not in given:
        raise DataError(
            f"{place} has too few pixels for a guess of the noise (looked at {looked_at:,} of "
            f"{files:,} files); give --noise_level, or --loss=noise2self"
        )
    if guess.kind in (NONE, JPEG) and "loss" not in given and not stated:
        raise DataError(f"{lines[0]}: {_REMEDIES[guess.kind]}")
    settings = fill_in(recognise(place)[0], given)
    settings = {path: v for path, v in settings.items() if not path.startswith(_OWN)}
    shortest = min(min(image.shape[:2]) for image in images)
    side = min(int(settings.get("data.image_size", _LARGEST)), max(shortest, _SMALLEST))
    settings["data.image_size"] = max(side // _UNIT * _UNIT, _SMALLEST)
    settings |= _noise_settings(guess, given, stated)
    if guess.clipped > _CLIPPED and guess.kind in (GAUSSIAN, POISSON_GAUSSIAN):
        lines.append(
            f"{guess.clipped:.0%} of the pixels are at black or white: clipping shifts the mean of "
            "the noise, and with it the result; store floats (TIFF) or add an offset"
        )
    chosen = {path: value for path, value in settings.items() if path not in given}
    return chosen, lines


def _noise_settings(guess: NoiseGuess, given: Mapping[str, Any], stated: bool) -> dict[str, Any]:
    if stated:
        return {"loss": "noise2self" if given.get("noise.gain") else "sure"}
    if guess.kind == GAUSSIAN:
        known = guess.error < _KNOWN and guess.sure > _UNSURE
        return {"noise.level": round(guess.level, 5), "loss": "sure" if known else "unsure"}
    if guess.kind == POISSON_GAUSSIAN and given.get("loss") in ("sure", "unsure"):
        # The level at middle grey stands for all.
        return {"noise.level": round(float(np.hypot(guess.level, (0.5 * guess.gain) ** 0.5)), 5)}
    if guess.kind == POISSON_GAUSSIAN:
        return {
            "noise.level": round(guess.level, 5),
            "noise.gain": round(guess.gain, 6),
            "loss": "noise2self",
        }
    return {"loss": "noise2self"}


# Fields for which the settings of clean pictures do not count.
_OWN = ("noise.", "loss", "data.fit")
_REMEDIES = {
    NONE: "nothing to learn; use folder:DIR for clean pictures, or give --noise_level",
    JPEG: "blocks depend on their neighbours and need clean pictures, folder:DIR; or give --loss",
}
