"""Folders that users name, and the default folder of a run."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from aedenoise.errors import UsageError


def expand(path: str | PathLike[str]) -> Path:
    """Expands ``~`` and ``~user`` at the start of a path.

    Raises:
      UsageError: if that user does not exist or has no home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UsageError(
            f"{Path(path).parts[0]} in {path} is no home folder here; give a whole path"
        ) from error
