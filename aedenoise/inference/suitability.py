"""Judgement of a picture and its result: what the network is not made for, and what it worsens."""

from __future__ import annotations

import numpy as np

from aedenoise.config import Experiment
from aedenoise.data.file_notes import Note
from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.noise_estimation import measure_level

# Ratio to the training levels beyond which results are unreliable. The margin is small because
# the estimate is too low there: strong noise passes through the network.
_FAR = 1.25
# Clipped noise of level 0.6 gives black a mean of 0.24; strokes are thinner than a block.
_DARK, _BLOCK, _BLOCKS = 0.3, 8, 8
# With noise s, a result that differs from its input by r s has an error of about s sqrt(r**2 - 1),
# hence is worse from r = sqrt(2) on. Measured on 25 photographs: from 1.5 on all were worse, below
# 1.35 all better. Pages of letters of 2 or more pixels' strokes reached 1.13.
_WORSE, _DOUBTFUL = 1.5, 1.35
# Noise above this level, of which less than this share is removed, is unlike that of the training.
_CLEAR, _HARDLY = 0.035, 0.3
_ADDED = ("gaussian", "poisson_gaussian")
# The same at half the size, for noise that neighbouring pixels share, which cancels in differences
# of neighbours. Measured: photographs 0.002 to 0.031 (gravel 0.048, grass 0.059), with a Gaussian
# of 0.4 blurred by one pixel 0.048 to 0.080, of which at most a fifth was removed.
_CLEAR_AT_HALF = 0.05
# Level of noise, two grey levels of 8 bits, below which nothing is removed.
_SILENT = 0.008
# Share of equal neighbours in a small picture above which it has none.
_EQUAL = 0.5
# Width in pixels of strokes: nine in ten training glyphs have 2 or more, type of 24 pixels 1.8.
_THIN = 2.0
# Pixels of a picture above which every few rows stand for all, for memory.
_SAMPLED = 2**22


_LIGHT_ON_DARK = "dark on light: inverted for denoising (--invert=no prevents this)"
INVERTED = Note(f"is {_LIGHT_ON_DARK}", f"are {_LIGHT_ON_DARK}")
_GREYS = (
    "many greys, but the network was trained on light strokes on dark: the result may be poor "
    "(--network=photos is for photographs)"
)


def choose_inversion(pixels: np.ndarray, denoiser: Denoiser, choice: str) -> bool:
    """Returns whether to invert a picture for the network: ``yes``, ``no``, or ``auto``: where it
    is dark on light and the network was trained on light glyphs."""
    if choice != "auto":
        return choice == "yes"
    dark_on_light = bool(np.median(_sampled(pixels)) > 0.5)
    return _trained_on_light_glyphs(denoiser.experiment) and dark_on_light


def judge(
    seen: np.ndarray, clean: np.ndarray, denoiser: Denoiser, *, keep: bool, suits: bool = False
) -> tuple[bool, list[Note]]:
    """Judges a result without knowing the clean picture.

    Args:
      seen: picture as the network saw it, ``[H, W, C]``.
      clean: its result, of the same shape.
      denoiser: the network.
      keep: allows to reject the result.
      suits: whether the network was chosen for what the picture shows.

    Returns:
      Whether the result is certainly worse than the picture, and at most one note: the first
      reason for doubt explains the others.
    """
    level, own = _levels(seen, clean, denoiser)
    if keep and _has_no_noise(seen, denoiser, own):
        rest = "no noise to speak of (--nokeep_input denoises it)"
        return True, [
            Note(
                f"is kept as it is: it has {rest}",
                "are kept as they are: they have no noise to speak of (--nokeep_input denoises "
                "them)",
            )
        ]
    if level is not None and own is not None and keep and level > _WORSE * own:
        why = (
            f"denoising would change it like noise of level {level:.2f}, its own is only "
            f"{own:.2f} (1 is from black to white)"
        )
        rest = "(--nokeep_input denoises it)"
        return True, [
            Note(
                f"is kept as it is: {why} {rest}",
                "are kept as they are: denoising would change them by more than their noise "
                "(--nokeep_input denoises them)",
            )
        ]
    return False, _doubts(seen, clean, denoiser, level, own, suits)[:1]


def _has_no_noise(seen: np.ndarray, denoiser: Denoiser, own: float | None) -> bool:
    """Returns True for a picture ``[H, W, C]`` without noise; ``own`` is its level, if known."""
    if own is not None:
        return own < _SILENT
    # A small picture is drawn without noise if most neighbours are equal. Gaussian noise leaves at
    # most a quarter so, of those that are clipped.
    if denoiser.experiment.noise.kind not in _ADDED:
        return False
    equal = [np.diff(seen, axis=axis) == 0.0 for axis in (0, 1)]
    pairs = sum(each.size for each in equal)
    return bool(pairs) and sum(map(np.count_nonzero, equal)) > _EQUAL * pairs


def _levels(
    seen: np.ndarray, clean: np.ndarray, denoiser: Denoiser
) -> tuple[float | None, float | None]:
    """Returns the level that the network removed, if it was trained on Gaussian noise, and that
    measured in the picture itself, if it is large enough."""
    some = _sampled(seen)
    level = denoiser.estimate(some, _sampled(clean))
    own = measure_level(some) if _large(seen) else None
    return level, own


def _doubts(
    seen: np.ndarray,
    clean: np.ndarray,
    denoiser: Denoiser,
    level: float | None,
    own: float | None,
    suits: bool,
) -> list[Note]:
    experiment = denoiser.experiment
    glyphs = _trained_on_light_glyphs(experiment)
    noise = experiment.noise
    least, most = noise.level, noise.level_max or noise.level
    notes = []
    if glyphs and not suits and _mostly_grey(seen):
        notes.append(Note(f"has {_GREYS}", f"have {_GREYS}"))
    if level is not None and not least / _FAR <= level <= most * _FAR:
        rest = f"but the network was trained on {noise}: the result may be poor"
        notes.append(Note(f"has noise of about {level:.2f}, {rest}", f"have other noise, {rest}"))
    if level is not None and own is not None and level > _DOUBTFUL * own:
        rest = "as much detail as noise: the result may be no better"
        notes.append(Note(f"may lose {rest} than the picture", f"may lose {rest}"))
    notes += _unknown_noise(seen, clean, denoiser, own)
    width = stroke_width(clean.mean(axis=-1) > 0.5) if glyphs and _large(seen) else _THIN
    if width < _THIN:
        rest = "thinner than trained on: letters may be changed (enlarge"
        notes.append(
            Note(
                f"has strokes of about {width:.1f} pixels, {rest} it first)",
                f"have strokes of less than {_THIN:.0f} pixels, {rest} them first)",
            )
        )
    return notes


def _unknown_noise(
    seen: np.ndarray, clean: np.ndarray, denoiser: Denoiser, own: float | None
) -> list[Note]:
    """Returns a note if noise is clearly there, of which the network removes little."""
    kind = denoiser.experiment.noise.kind
    if own is None or kind not in _ADDED:
        return []
    some = _sampled(seen)
    removed = float(np.sqrt(np.mean(np.square(some - _sampled(clean)))))
    # Strokes of type would count as noise at half the size: for networks for photographs only.
    at_half = measure_level(_halved(some)) if kind == "poisson_gaussian" else 0.0
    blurred = at_half > max(own, _CLEAR_AT_HALF) and removed < _HARDLY * at_half
    if not blurred and (own <= _CLEAR or removed >= _HARDLY * own):
        return []
    rest = "unlike that of the training (--dataset=pairs:NOISY,CLEAN learns such noise)"
    if not blurred and denoiser.channels > 1:
        same = "the same in all colours, " if np.all(some == some[..., :1]) else ""
        rest = f"{same}unlike that of the training (--network=photos takes each channel by itself)"
    # The measure is too low for noise that neighbours share.
    size = "" if blurred else f" of about {own:.2f}"
    what = ", shared by neighbouring pixels," if blurred else ""
    return [
        Note(
            f"is hardly denoised: its noise{size}{what} is {rest}",
            f"are hardly denoised: their noise{what} is {rest}",
        )
    ]


def _trained_on_light_glyphs(experiment: Experiment) -> bool:
    names = experiment.data.dataset.split("+")
    return all(name.split("/")[0] in ("mnist", "notmnist") for name in names)


def _large(pixels: np.ndarray) -> bool:
    height, width = pixels.shape[:2]
    return bool(min(height, width) >= _BLOCK * _BLOCKS)


def _sampled(pixels: np.ndarray) -> np.ndarray:
    """Returns evenly spaced bands of a large picture, whose height is a block each."""
    height, width = pixels.shape[:2]
    step = -(-height * width // _SAMPLED)
    if step == 1 or height < _BLOCK * step:
        return pixels
    bands = pixels[: height // _BLOCK * _BLOCK].reshape(-1, _BLOCK, *pixels.shape[1:])
    return bands[::step].reshape(-1, *pixels.shape[1:])


def _halved(pixels: np.ndarray) -> np.ndarray:
    """Returns the means of squares of 2 x 2 pixels."""
    height, width = (side // 2 for side in pixels.shape[:2])
    whole = pixels[: 2 * height, : 2 * width]
    means: np.ndarray = whole.reshape(height, 2, width, 2, -1).mean(axis=(1, 3))
    return means


def _mostly_grey(pixels: np.ndarray) -> bool:
    """Returns True if most blocks of a picture ``[H, W, C]`` have a mean that is neither dark nor
    light. Block means survive strong noise. Small pictures, where a stroke fills a block, give
    False."""
    if not _large(pixels):
        return False
    height, width = (side // _BLOCK for side in pixels.shape[:2])
    whole = pixels[: height * _BLOCK, : width * _BLOCK]
    means = whole.reshape(height, _BLOCK, width, _BLOCK, -1).mean(axis=(1, 3, 4))
    return bool(np.mean((means > _DARK) & (means < 1.0 - _DARK)) > 0.5)


def stroke_width(ink: np.ndarray) -> float:
    """Returns the mean width of strokes, bool ``[H, W]``, in pixels: twice their area by their
    outline."""
    outline = np.count_nonzero(ink[1:] != ink[:-1]) + np.count_nonzero(ink[:, 1:] != ink[:, :-1])
    return 2.0 * np.count_nonzero(ink) / outline if outline else np.inf
