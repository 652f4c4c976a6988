"""Checkpoint folders, local and in cloud buckets. The only module that imports etils."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etils import epath

from aedenoise.config.folders import check_place
from aedenoise.config.validation import local_path
from aedenoise.errors import StorageError, as_expected


def has_checkpoints(directory: Path | str) -> bool:
    """Returns True if ``directory`` holds any checkpoint, damaged ones included."""
    folder = resolve_folder(directory)
    with reaching(folder):
        # Orbax names a finished checkpoint by its step; temporary ones have a suffix after a dot.
        return folder.is_dir() and any(child.name.isdecimal() for child in folder.iterdir())


def remove_checkpoints(directory: Path | str) -> None:
    """Removes the checkpoints of a run, damaged ones included, and their folder if it is empty."""
    folder = resolve_folder(directory)
    with reaching(folder):
        for path in (folder, damaged_beside(folder)):
            for child in path.iterdir() if path.is_dir() else ():
                if child.name.partition(".")[0].isdecimal() and child.is_dir():
                    child.rmtree()
            if path.is_dir() and not any(path.iterdir()):
                path.rmtree()


def resolve_folder(directory: Path | str) -> epath.Path:
    """Returns ``directory`` as a path; local paths become absolute, as Orbax requires.

    Raises:
      UsageError: if it is neither a local folder nor one in a bucket.
    """
    check_place(str(directory))
    # ``absolute`` would put the current folder before ``gs://``.
    place = epath.Path(directory)
    if "://" in str(directory):
        return place
    return epath.Path(local_path("checkpoint_dir", directory).absolute())


@contextmanager
def reaching(place: epath.Path) -> Iterator[None]:
    """Turns failures to access a folder or bucket into expected errors.

    Raises:
      StorageError: or another error of ``errors.as_expected``.
    """
    try:
        yield
    # Clients of buckets raise exceptions of many libraries, which cannot be named here.
    except Exception as error:
        expected = as_expected(error)
        raise expected or StorageError(f"cannot access checkpoints in {place}: {error}") from error


def damaged_beside(directory: epath.Path) -> epath.Path:
    """Returns the folder for damaged checkpoints, next to ``directory``."""
    return directory.parent / f"{directory.name}-damaged"
