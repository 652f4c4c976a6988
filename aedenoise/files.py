"""Files written so that a process killed at any moment leaves the old content or the new."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces ``path`` by ``content``."""
    with writing(path) as file:
        file.write(content)


def write_json(path: Path, values: Any, *, indent: int = 2, allow_nan: bool = True) -> None:
    """Writes ``values`` as indented JSON, atomically.

    Raises:
      ValueError: for a value that is not finite, unless ``allow_nan``.
    """
    text = json.dumps(values, indent=indent, allow_nan=allow_nan)
    write_atomically(path, (text + "\n").encode())


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A file that becomes ``path`` at the end: written beside it, flushed to disk, then renamed.
    After an error nothing is left of it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes the file private; give it the mode an ordinary file would have.
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Waits until no other process of this machine holds the lock on ``path``, then holds it."""
    with open(path, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def lock_if_free(path: Path) -> Iterator[bool]:
    """Holds the lock on ``path``, or gives False where another process does; the system takes it
    back from a process that died. Other machines see it where the file system has ``flock``."""
    with open(path, "ab") as file:
        yield _lock(file.fileno())


@contextmanager
def folder_lock(folder: Path) -> Iterator[bool]:
    """Holds the lock on a folder itself, or gives False where another process does. Where the
    file system has no such locks, everyone gets it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            mine = _lock(descriptor)
        except OSError:
            mine = True
        yield mine
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Whether the lock was free; it is held until the file is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def cache_folder() -> Path:
    """Where this package keeps what it can make again: ``$XDG_CACHE_HOME/aedenoise``, or
    ``~/.cache/aedenoise``. It need not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "aedenoise"


def remove(path: Path) -> None:
    """Removes a file or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
