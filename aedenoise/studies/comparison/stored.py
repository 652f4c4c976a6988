"""Finished cells in the tables of a study: ``cells.csv``, ``curves.csv`` and ``spectra.csv``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from aedenoise.config.study import Cell, Condition
from aedenoise.errors import CheckpointError
from aedenoise.studies.comparison.rows import Row, from_csv


class StoredCell(NamedTuple):
    """Row of a finished cell, and points of its learning curve and of its spectrum, each with the
    columns of ``cell_key``."""

    row: Row
    curve: list[Row]
    spectrum: list[Row]


def cell_key(cell: Cell) -> Row:
    """Returns the columns that identify the cell of a row."""
    return {
        "decoder": cell.decoder,
        "dataset": cell.condition.dataset,
        "noise_level": cell.condition.noise_level,
        "match": cell.condition.match,
        "steps": cell.condition.steps,
        "seed": cell.seed,
    }


def cell_name(row: Row) -> str:
    """Returns ``Cell.name`` of the cell of a row."""
    condition = Condition(row["dataset"], row["noise_level"], row["match"], row["steps"])
    return Cell(row["decoder"], condition, row["seed"]).name


def read_stored(table: Path, curves: Path, spectra: Path) -> dict[str, StoredCell]:
    """Reads the cells of three tables by name; a table that does not exist has none.

    Raises:
      CheckpointError: if a table is not from a study.
    """
    found: dict[str, StoredCell] = {}
    try:
        for row in _read(table):
            found[cell_name(row)] = StoredCell(row, [], [])
        for point in _read(curves):
            if (cell := found.get(cell_name(point))) is not None:
                cell.curve.append(point)
        for point in _read(spectra):
            if (cell := found.get(cell_name(point))) is not None:
                cell.spectrum.append(point)
    except KeyError as error:
        raise CheckpointError(f"{table} has no column {error}; it is not from a study") from error
    return found


def _read(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    try:
        return from_csv(path.read_text(encoding="utf-8"))
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def check_same_data(rows: Iterable[Row]) -> None:
    """Raises CheckpointError if cells of one dataset were trained on different images."""
    digests: dict[str, str] = {}
    for row in rows:
        known = digests.setdefault(row["dataset"], row["dataset_digest"])
        check_same_digest(row["dataset"], known, row["dataset_digest"])


def check_same_digest(dataset: str, known: str, found: str) -> None:
    """Raises CheckpointError if two digests of one dataset differ."""
    if known != found:
        raise CheckpointError(
            f"cells of {dataset} come from different data: digests {known} and {found}; remove "
            "those of one machine and repeat them"
        )
