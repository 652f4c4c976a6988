"""Rows of a study, one per cell or comparison, and their CSV format."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from aedenoise.errors import CheckpointError

Row = dict[str, Any]
# Text and integer columns; all others are floats. CSV itself has no types.
_TEXT = {
    "dataset",
    "dataset_digest",
    "decoder",
    "device",
    "features",
    "match",
    "metric",
    "reference",
}
_WHOLE = {"at_step", "diverged_at", "multiply_adds", "parameters", "seed", "seeds", "steps"}


def to_csv(rows: Sequence[Row]) -> str:
    """Formats rows as CSV with six significant digits; None is an empty field.

    The columns are those of all rows: cells of an earlier version lack newer measures.
    """
    buffer = io.StringIO()
    if rows:
        columns = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(buffer, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _field(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue()


def from_csv(text: str) -> list[Row]:
    """Parses rows written by ``to_csv``, which rounds floats.

    Raises:
      CheckpointError: if a line is not from a study's table.
    """
    rows = []
    # Line 1 is the header.
    for number, fields in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        try:
            rows.append({name: _value(name, field) for name, field in fields.items()})
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"line {number} is not from a study's table: {error}") from error
    return rows


def _field(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else value


def _value(name: str, field: str) -> Any:
    if name in _TEXT:
        return field
    if field == "":
        return None
    return int(field) if name in _WHOLE else float(field)
