"""Figures of one run as PNG files: images side by side, learning curves, heat maps."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from aedenoise.files import write_atomically
from aedenoise.reporting.canvas import Figure

Series = tuple[Sequence[int], Sequence[float]]
# More decoders than this are laid out as columns instead of rows.
_MANY = 4


def denoised_figure(
    path: Path,
    *,
    original: np.ndarray,
    noisy: np.ndarray,
    denoised: np.ndarray,
    title: str,
) -> None:
    """Writes a PNG with one column per image.

    The residual, denoised minus original, is shown from -0.5 (blue) to 0.5 (red).

    Args:
      path: output file; its folder is created.
      original, noisy, denoised: float ``[N, H, W, C]``; shown over the range [0, 1].
      title: figure title.
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
    write_figure(path, figure, title)


def curve_figure(
    path: Path,
    *,
    loss_name: str,
    loss: Series,
    test_loss: Series,
    psnr: Series,
    psnr_name: str = "test PSNR",
    steps_per_epoch: int,
    title: str,
) -> None:
    """Writes a PNG of training loss, test loss and test PSNR (dB) over epochs.

    A series is a pair of steps and values. The loss axis is scaled to the values after the first
    tenth of the run; the initial drop would hide all later changes.
    """
    figure = Figure(figsize=(6.4, 3.4), dpi=120)
    losses = figure.subplots()
    ratios = losses.twinx()
    for axis, (steps, values), label, style in (
        (losses, loss, f"training {loss_name}, mean since the last log", {"lw": 0.6}),
        (losses, test_loss, f"test {loss_name}", {"marker": "o", "ms": 3, "color": "C3"}),
        (ratios, psnr, psnr_name, {"marker": "o", "ms": 3, "color": "C2", "ls": ":"}),
    ):
        axis.plot(np.asarray(steps) / steps_per_epoch, values, label=label, **style)
    # The initial fall would flatten the rest of the curve: the axis fits what follows the first
    # tenth of the run.
    last = max(loss[0], default=0)
    shown = [value for step, value in zip(*loss, strict=True) if step > last / 10]
    low, high = min([*shown, *test_loss[1]], default=0.0), max(shown, default=0.0)
    if high > low:
        losses.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    losses.set_xlabel("epoch")
    losses.set_ylabel(loss_name)
    ratios.set_ylabel("dB")
    figure.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3)
    write_figure(path, figure, title)


def artifacts_figure(
    path: Path, *, rows: Mapping[str, Mapping[str, np.ndarray]], titles: Mapping[str, str]
) -> None:
    """Writes a PNG with a row per decoder and a column per kind of picture.

    Rows and columns are swapped for many decoders. Residuals are shown symmetrically around zero,
    other pictures from their minimum to their maximum.

    Args:
      path: output file; its folder is created.
      rows: pictures ``[H, W]`` of each decoder, with the keys of ``titles``.
      titles: title of each kind of picture.
    """
    across = len(rows) > _MANY
    shape = (len(titles), len(rows)) if across else (len(rows), len(titles))
    figure = Figure(figsize=(2.1 * shape[1] + 0.6, 1.8 * shape[0] + 0.4), dpi=110, layout="tight")
    grid = figure.subplots(*shape, squeeze=False)
    for pictures, axes in zip(rows.values(), grid.T if across else grid, strict=True):
        for kind, axis in zip(titles, axes, strict=True):
            axis.set_xticks([])
            axis.set_yticks([])
            picture = pictures[kind]
            most = float(np.abs(picture).max()) or 1.0
            signed = kind == "residual"
            shown = axis.imshow(
                picture,
                cmap="RdBu_r" if signed else "viridis",
                vmin=-most if signed else float(picture.min()),
                # A constant picture has no range; imshow needs vmax above vmin.
                vmax=most if signed else max(float(picture.max()), float(picture.min()) + 1e-4),
            )
            figure.colorbar(shown, ax=axis, fraction=0.046).ax.tick_params(labelsize=6)
    above, left = (list(rows), list(titles.values()))[:: 1 if across else -1]
    for text, axis in zip(above, grid[0], strict=True):
        axis.set_title(text.replace(" ", "\n") if across else text, fontsize=8)
    for text, axis in zip(left, grid[:, 0], strict=True):
        axis.set_ylabel(text.replace(", ", ",\n"), fontsize=8)
    write_figure(path, figure, "")


def heat_map(
    path: Path, values: np.ndarray, *, rows: Sequence[str], columns: Sequence[str], title: str
) -> None:
    """Writes a PNG of a table ``[R, C]``, each cell with its value and a colour."""
    figure = Figure(figsize=(1.1 * len(columns) + 2.4, 0.55 * len(rows) + 1.6), dpi=120)
    axis = figure.subplots()
    axis.imshow(values, cmap="viridis", aspect="auto")
    axis.set_xticks(range(len(columns)), columns, fontsize=7, rotation=30, ha="right")
    axis.set_yticks(range(len(rows)), rows, fontsize=7)
    middle = (float(values.min()) + float(values.max())) / 2
    for (row, column), value in np.ndenumerate(values):
        # Viridis is dark for low values.
        color = "black" if value > middle else "white"
        axis.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=8, color=color)
    write_figure(path, figure, title)


def contact_sheet(
    path: Path, *, rows: Sequence[np.ndarray], names: Sequence[str], title: str, across: int = 0
) -> None:
    """Writes a PNG of many images.

    Args:
      path: output file; its folder is created.
      rows: uint8 ``[N, H, W, C]`` for each row.
      names: label of each row.
      title: figure title.
      across: images in a row; longer rows continue in another band of rows. 0: all of them.
    """
    if across:
        most = max(map(len, rows))
        starts = range(0, most, across)
        rows = [row[start : start + across] for start in starts for row in rows]
        names = [*names] * len(starts)
    height, width, channels = rows[0].shape[1:]
    columns = max(map(len, rows))
    gap = max(1, height // 14)
    sheet = np.full(
        (len(rows) * (height + gap) - gap, columns * (width + gap) - gap, channels), 96, np.uint8
    )
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            top, left = i * (height + gap), j * (width + gap)
            sheet[top : top + height, left : left + width] = image
    figure = Figure(figsize=(9.0, 9.0 * sheet.shape[0] / sheet.shape[1]), dpi=120)
    axis = figure.subplots()
    # A title of the axis: that of the figure would leave a gap above tall sheets.
    axis.set_title(title, fontsize=9)
    axis.imshow(sheet[..., 0] if channels == 1 else sheet, cmap="gray", vmin=0, vmax=255)
    axis.set_yticks([i * (height + gap) + height / 2 for i in range(len(rows))], names, fontsize=7)
    axis.set_xticks([])
    axis.tick_params(length=0)
    axis.set_frame_on(False)
    write_figure(path, figure, "")


def write_figure(path: Path, figure: Figure, title: str) -> None:
    """Writes a figure as PNG, byte for byte reproducible; its folder is created."""
    if title:
        figure.suptitle(title, fontsize=9)
    buffer = io.BytesIO()
    # Without the software entry, which contains matplotlib's version.
    figure.savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def strip(*rows: np.ndarray) -> np.ndarray:
    """Joins images ``[N, H, W, C]`` in [0, 1], one row per argument, into one uint8 picture."""
    stacked = np.concatenate([np.concatenate(list(np.clip(row, 0, 1)), axis=1) for row in rows])
    picture = np.round(stacked * 255).astype(np.uint8)
    return picture[..., 0] if picture.shape[-1] == 1 else picture
