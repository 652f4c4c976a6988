"""``--mode=sample``: images that a GAN makes, as a picture or as an array."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from aedenoise.config.options import WRITTEN
from aedenoise.data.pictures import Picture, check_fits, encode_picture
from aedenoise.errors import StorageError
from aedenoise.files import write_atomically
from aedenoise.inference.generator import ImageMaker
from aedenoise.reporting.console import say

_GAP = 2


def sample(make: ImageMaker, count: int, seed: int, target: Path, *, overwrite: bool) -> None:
    """Writes ``count`` images: as ``images`` uint8 ``[N, H, W, C]`` of an ``.npz``, or side by side
    as one picture.

    Raises:
      StorageError: if the file is there already and ``overwrite`` is not set.
      UsageError: if the picture would be larger than its format can be.
    """
    if target.exists() and not overwrite:
        raise StorageError(f"{target} is there already; --overwrite replaces it")
    pictured = target.suffix.lower() in WRITTEN
    if pictured:
        height, width, _ = make.image_shape
        columns, rows = _layout(count)
        check_fits(target.suffix.lower(), rows * (height + _GAP), columns * (width + _GAP))
    images = make(count, seed)
    target.parent.mkdir(parents=True, exist_ok=True)
    if pictured:
        content = encode_picture(Picture(sheet(images)), target.suffix.lower())
    else:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, images=np.round(images * 255.0).astype(np.uint8))
        content = buffer.getvalue()
    write_atomically(target, content)
    say(f"{count:,} images of {make.experiment.label}, step {make.step:,}, are in {target}")


def _layout(count: int) -> tuple[int, int]:
    """Columns and rows."""
    columns = int(np.ceil(np.sqrt(count)))
    return columns, -(-count // columns)


def sheet(images: np.ndarray) -> np.ndarray:
    """Images ``[N, H, W, C]`` in rows and columns, about as many of each, as one picture."""
    count, height, width, channels = images.shape
    columns, rows = _layout(count)
    cells = np.full((rows * columns, height + _GAP, width + _GAP, channels), 0.5, np.float32)
    cells[:count, :height, :width] = images
    whole = cells.reshape(rows, columns, height + _GAP, width + _GAP, channels).swapaxes(1, 2)
    picture: np.ndarray = whole.reshape(rows * (height + _GAP), columns * (width + _GAP), channels)
    return picture[:-_GAP, :-_GAP]
