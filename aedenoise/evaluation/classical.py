"""Classical denoisers tuned on training images, as baselines for a network.

Images are float32 ``[N, H, W, C]`` in units of the [0, 1] range; noisy ones may exceed it. Only
this module imports scikit-image.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage
from skimage import restoration

from aedenoise.data.batch import evenly_spaced

# Images up to this many values are also regressed as a whole, larger ones on patches alone.
_WHOLE = 1024
_PATCH = 9
# Pixels in the patch regression; its 82 unknowns per channel need no more.
_SAMPLES = 200_000
# Constant pixels at the border would make the normal equations singular.
_RIDGES = (1e-4, 1e-2, 1e-1)
Denoise = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Baseline:
    """Classical denoiser with the setting that scored best on training images."""

    name: str
    setting: str
    denoise: Denoise


def tuned_baselines(
    clean: np.ndarray,
    noisy: np.ndarray,
    *,
    tuning: int,
    bm3d: bool = False,
    check: Callable[[], None] = lambda: None,
) -> list[Baseline]:
    """Tunes the classical baselines for the noise between ``clean`` and ``noisy``.

    Each is followed by a fitted affine function.

    Args:
      clean, noisy: paired training images.
      tuning: number of evenly spaced images on which settings are compared; ``linear`` is fitted
        to the others.
      bm3d: tune BM3D too, of the package ``bm3d``, whose licence does not allow this package to
        install it. It takes minutes.
      check: callback between two methods.

    Returns:
      ``linear``, ``median``, ``non-local means``, ``total variation`` and ``wavelet``; and
      ``BM3D``.
    """
    rows = evenly_spaced(len(clean), min(tuning, len(clean) // 2))
    # Settings are multiples of the true noise level, an advantage that favours the baselines.
    sigma = float(np.sqrt(np.mean(np.square(noisy - clean))))
    others = np.setdiff1d(np.arange(len(clean)), rows)
    methods = {"linear": list(_linear(clean[others], noisy[others])), **_methods(sigma, bm3d)}
    found = []
    for name, settings in methods.items():
        check()
        tried = [
            (setting, _rescaled(denoise, noisy[rows], clean[rows])) for setting, denoise in settings
        ]
        errors = [_error(denoise(noisy[rows]), clean[rows]) for _, denoise in tried]
        found.append(Baseline(name, *tried[int(np.argmin(errors))]))
    return found


def methods_here(bm3d: bool = False) -> dict[str, str]:
    """Returns the installed libraries behind the baselines, with their versions.

    Args:
      bm3d: include BM3D.
    """
    found = {name: importlib.metadata.version(name) for name in ("scikit-image", "scipy")}
    if bm3d:
        found["bm3d"] = importlib.metadata.version("bm3d")
    return found


def _rescaled(denoise: Denoise, noisy: np.ndarray, clean: np.ndarray) -> Denoise:
    """Composes ``denoise`` with the best-fitting affine function.

    Clipped noise shifts the means of black and white, which a local filter cannot undo.
    """
    results = denoise(noisy)
    if not np.isfinite(results).all() or np.ptp(results) == 0.0:
        mean = np.float32(clean.mean())  # no signal is left to fit
        return lambda images: np.full_like(images, mean)
    slope, offset = np.polyfit(results.ravel(), clean.ravel(), 1)
    return lambda images: (slope * denoise(images) + offset).astype(np.float32)


def _methods(sigma: float, with_bm3d: bool) -> dict[str, Sequence[tuple[str, Denoise]]]:
    methods: dict[str, Sequence[tuple[str, Denoise]]] = {
        "median": [(f"{side} x {side}", _median(side)) for side in (3, 5, 7)],
        "non-local means": [
            (f"h {h * sigma:.3f}", _each(restoration.denoise_nl_means, h=h * sigma, **_NLM))
            for h in (0.4, 0.6, 0.8, 1.0, 1.3)
        ],
        "total variation": [
            (f"weight {w * sigma:.3f}", _each(restoration.denoise_tv_chambolle, weight=w * sigma))
            for w in (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
        ],
        "wavelet": [
            (f"{kind}, sigma {s * sigma:.3f}", _each(_wavelet, wavelet=kind, sigma=s * sigma))
            for kind in ("haar", "db2")
            for s in (0.5, 1.0, 1.5)
        ],
    }
    if with_bm3d:
        bm3d = importlib.import_module("bm3d").bm3d
        methods["BM3D"] = [
            (f"sigma {s * sigma:.3f}", _each(lambda image, s, **_: bm3d(image, s), s=s * sigma))
            for s in (0.7, 1.0, 1.4)
        ]
    return methods


_NLM: dict[str, Any] = {"patch_size": 5, "patch_distance": 6, "fast_mode": True}


def _each(function: Callable[..., Any], **settings: Any) -> Denoise:
    """Maps a function of one image ``[H, W, C]`` over a batch."""

    def denoise(images: np.ndarray) -> np.ndarray:
        results = [function(image, channel_axis=-1, **settings) for image in images]
        return np.stack([np.reshape(result, images.shape[1:]) for result in results])

    return denoise


def _wavelet(image: np.ndarray, **settings: Any) -> Any:
    with warnings.catch_warnings():
        # Warnings about images too small for the default number of levels, one per image.
        warnings.simplefilter("ignore")
        return restoration.denoise_wavelet(image, mode="soft", method="VisuShrink", **settings)


def _median(side: int) -> Denoise:
    return lambda images: np.asarray(ndimage.median_filter(images, (1, side, side, 1)))


def _linear(clean: np.ndarray, noisy: np.ndarray) -> Iterator[tuple[str, Denoise]]:
    """Yields affine least-squares denoisers: of the patch around each pixel, and of small images
    as a whole (Wiener 1949, without the assumption of stationarity)."""
    shape = clean.shape[1:]
    yield f"{_PATCH} x {_PATCH} around each pixel", _patchwise(clean, noisy)
    if np.prod(shape) > _WHOLE:
        return
    for ridge in _RIDGES:
        weights = _regressed(_flat(noisy), clean.reshape(len(clean), -1), ridge)
        yield f"whole image, ridge {ridge:g}", _whole_image(weights)


def _whole_image(weights: np.ndarray) -> Denoise:
    return lambda images: (_flat(images) @ weights).reshape(images.shape)


def _patchwise(clean: np.ndarray, noisy: np.ndarray) -> Denoise:
    rng = np.random.default_rng(0)
    _, height, width, channels = clean.shape
    per_image = max(1, _SAMPLES // len(clean))
    inputs, targets = [], []
    for one_clean, one_noisy in zip(clean, noisy, strict=True):
        places = rng.integers(0, height * width, per_image)
        inputs.append(_surroundings(one_noisy)[places])
        targets.append(one_clean.reshape(-1, channels)[places])
    weights = _regressed(_with_one(np.concatenate(inputs)), np.concatenate(targets), _RIDGES[0])

    def denoise(images: np.ndarray) -> np.ndarray:
        return np.stack([(_with_one(_surroundings(i)) @ weights).reshape(i.shape) for i in images])

    return denoise


def _regressed(inputs: np.ndarray, targets: np.ndarray, ridge: float) -> np.ndarray:
    # Normal equations: their size depends on the features, not on the number of samples.
    products = inputs.T @ inputs + ridge * len(inputs) * np.eye(inputs.shape[1], dtype=inputs.dtype)
    return np.linalg.solve(products, inputs.T @ targets)


def _flat(images: np.ndarray) -> np.ndarray:
    return _with_one(images.reshape(len(images), -1))


def _with_one(rows: np.ndarray) -> np.ndarray:
    return np.concatenate([rows, np.ones((len(rows), 1), rows.dtype)], axis=1)


def _surroundings(image: np.ndarray) -> np.ndarray:
    """Extracts the patch around each pixel of ``[H, W, C]``, one row per pixel."""
    border = _PATCH // 2
    padded = np.pad(image, ((border, border), (border, border), (0, 0)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_PATCH, _PATCH), axis=(0, 1))
    return windows.reshape(image.shape[0] * image.shape[1], -1)


def _error(images: np.ndarray, clean: np.ndarray) -> float:
    return float(np.mean(np.square(np.clip(images, 0.0, 1.0) - clean)))
