"""Rows of a study, one for each cell or comparison, and their CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from aedenoise.errors import CheckpointError

Row = dict[str, Any]
# The columns of words and of whole numbers; all others are of numbers.
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
    """Rows as CSV: six significant digits, nothing where there is nothing."""
    buffer = io.StringIO()
    if rows:
        writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _field(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue()


def from_csv(text: str) -> list[Row]:
    """The inverse of ``to_csv``, but for the digits.

    Raises:
      CheckpointError: naming a line that is not of a study.
    """
    rows = []
    for number, fields in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        try:
            rows.append({name: _value(name, field) for name, field in fields.items()})
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"line {number} is not of a study's table: {error}") from error
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
