"""Reading of the JSON files of a run, which may be damaged or of another program."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aedenoise.errors import CheckpointError


def read_json(path: Path) -> dict[str, Any]:
    """Reads a file written by ``files.write_json``.

    Raises:
      CheckpointError: if the file is damaged.
    """
    with well_formed(path):
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise TypeError
    return values


@contextlib.contextmanager
def well_formed(path: Path) -> Iterator[None]:
    """Turns errors from values that are missing in a file, or of another type, into expected ones.

    Raises:
      CheckpointError: naming the file.
    """
    try:
        yield
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise CheckpointError(
            f"{path} is damaged ({type(error).__name__}); remove it and run again"
        ) from error
