"""Figures: original, noisy, denoised and residual, side by side."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from aedenoise.files import write_atomically

matplotlib.use("Agg")


def denoised_figure(
    path: Path,
    *,
    original: np.ndarray,
    noisy: np.ndarray,
    denoised: np.ndarray,
    title: str,
) -> None:
    """Writes a PNG with one column per image.

    Args:
      path: the file; its folder is made.
      original, noisy, denoised: float ``[N, H, W, C]``; shown over the range [0, 1].
      title: a line above.

    The residual, denoised minus original, is shown from -0.5 (blue) to 0.5 (red).
    """
    residual = np.mean(denoised - original, axis=-1)
    rows = [("original", original), ("noisy", noisy), ("denoised", denoised)]
    columns = len(original)
    figure = Figure(figsize=(0.72 * columns + 1.0, 3.4), dpi=120)
    grid = figure.subplots(4, columns, squeeze=False, gridspec_kw={"wspace": 0.06, "hspace": 0.06})
    for axis in grid.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    for row, (name, images) in enumerate(rows):
        grid[row, 0].set_ylabel(name, fontsize=8)
        for column in range(columns):
            image = np.clip(images[column], 0.0, 1.0)
            grid[row, column].imshow(
                image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0.0, vmax=1.0
            )
    grid[3, 0].set_ylabel("residual", fontsize=8)
    for column in range(columns):
        grid[3, column].imshow(residual[column], cmap="RdBu_r", vmin=-0.5, vmax=0.5)
    figure.suptitle(title, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def strip(*rows: np.ndarray) -> np.ndarray:
    """Images ``[N, H, W, C]`` in [0, 1], a row for each argument, as one uint8 picture."""
    stacked = np.concatenate([np.concatenate(list(np.clip(row, 0, 1)), axis=1) for row in rows])
    picture = np.round(stacked * 255).astype(np.uint8)
    return picture[..., 0] if picture.shape[-1] == 1 else picture
