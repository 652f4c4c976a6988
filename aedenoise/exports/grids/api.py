"""The doctor for Python: checkerboards of a file or of any function on images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from aedenoise.errors import DataError, UsageError
from aedenoise.exports.grids.findings import Diagnosis
from aedenoise.exports.grids.strengths import constant_images, noise_images, strength

# Periods looked for in the output of a function, whose layers are unknown.
_PERIODS = (2, 3, 4, 8)


def diagnose(
    model: str | Path | Callable[[np.ndarray], np.ndarray],
    shape: tuple[int, ...] | None = None,
) -> Diagnosis:
    """Looks for checkerboards in the output of a model, and for the layers that make them.

    Args:
      model: path of an ONNX file, or a function on float32 images that returns images
        ``[1, H, W, C]``, of which only the output can be looked at.
      shape: of the function's input: ``(H, W, C)``, at least 16 x 16, or any shape of latents.

    Raises:
      DataError: if the file cannot be read or run, or values are not finite.
      UsageError: if a function comes without ``shape`` or a file with one, or a function returns
        no images.
    """
    if not callable(model):
        if shape is not None:
            raise UsageError("a file says the shape of its input itself; leave out shape")
        from aedenoise.exports.formats import find_format

        find_format("onnx").check_installed()
        from aedenoise.exports.grids.diagnosis import diagnose_file

        return diagnose_file(Path(model))[0]
    if shape is None:
        raise UsageError("a function is examined with the shape of its input: shape=(H, W, C)")
    if min(shape, default=0) < 1:
        raise UsageError(f"shape has positive sides, as (64, 64, 3), not {shape}")
    constants, noisy = (
        np.concatenate([_run(model, image) for image in images])
        for images in (constant_images((1, *shape)), noise_images((1, *shape)))
    )
    periods = {(each, each): strength(constants, noisy, (each, each)) for each in _PERIODS}
    return Diagnosis(periods=periods)


def _run(function: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> np.ndarray:
    """Returns the function's image as ``[1, C, H, W]``."""
    found = np.asarray(function(image))
    if not np.isfinite(found).all():
        raise DataError("the function returns values that are not finite")
    if found.ndim != 4 or min(found.shape[1:3]) < 2 * max(_PERIODS):
        raise UsageError(
            f"the function returns {found.shape}, not images [1, H, W, C] of 16 x 16 pixels or more"
        )
    return np.moveaxis(found, -1, 1)
