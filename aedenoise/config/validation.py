"""Checks of values that a user gave, for the dataclasses that describe a run."""

from __future__ import annotations

import os
import re
from pathlib import Path

from aedenoise.config.fields import shorten
from aedenoise.errors import UsageError, nearest

# Also `gs:/bucket`, which pathlib makes of `gs://bucket`; one letter could be a drive.
_URL = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)


def check_known(what: str, value: str, known: tuple[str, ...]) -> None:
    """Raises ``UsageError`` with the nearest known name if ``value`` is none of them."""
    if value not in known:
        raise UsageError(f"unknown {what} {value!r}; {nearest(str(value), known)}")


def check_positive(**values: int) -> None:
    """Raises ``UsageError`` naming the first value below 1."""
    for name, value in values.items():
        if value < 1:
            raise UsageError(f"{name} must be at least 1, not {shorten(value)}")


def local_path(name: str, place: str | os.PathLike[str]) -> Path:
    """Returns ``place`` as a path, with ``~`` for the home folder.

    Raises:
      UsageError: naming ``name`` if it is a URL, or if there is no such home folder.
    """
    text = os.fspath(place)
    if _URL.match(text):
        raise UsageError(f"{name} must be a local path, not {text}; copy it here, or mount it")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{name} {text}: unknown home folder; write the whole path") from error
