"""Folders that users name, and the default folder of a run."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path

from aedenoise.errors import UsageError

_BUCKETS = ("gs://", "s3://", "az://")


def check_place(place: str) -> None:
    """Checks that checkpoints can be kept in ``place``, a local folder or one in a bucket.

    Raises:
      UsageError: if it has another scheme.
    """
    if re.match(r"\w[\w+.-]*:/", place) and not place.startswith(_BUCKETS):
        raise UsageError(
            f"checkpoint_dir is a folder, or one of a bucket as gs://bucket/folder, not {place}"
        )


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
