"""Where checkpoints are: folders of this machine and of buckets. The only home of etils."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etils import epath

from aedenoise.errors import StorageError, as_expected


def has_checkpoints(directory: Path | str) -> bool:
    """Whether there is any checkpoint in ``directory``, whole or not."""
    folder = resolve_folder(directory)
    with reaching(folder):
        return folder.is_dir() and any(child.name.isdecimal() for child in folder.iterdir())


def remove_checkpoints(directory: Path | str) -> None:
    """Removes the checkpoints of a run, and those that were found damaged."""
    folder = resolve_folder(directory)
    with reaching(folder):
        for path in (folder, damaged_beside(folder)):
            if path.exists():
                path.rmtree()


def resolve_folder(directory: Path | str) -> epath.Path:
    """The folder; one of this machine from its root on."""
    place = epath.Path(directory)
    return place if "://" in str(directory) else place.expanduser().absolute()


@contextmanager
def reaching(place: epath.Path) -> Iterator[None]:
    """What goes wrong on the way to a folder, or to a bucket, as an expected error."""
    try:
        yield
    except Exception as error:
        expected = as_expected(error)
        raise expected or StorageError(f"checkpoints cannot be in {place}: {error}") from error


def damaged_beside(directory: epath.Path) -> epath.Path:
    """Where checkpoints that were found damaged are moved to."""
    return directory.parent / f"{directory.name}-damaged"
