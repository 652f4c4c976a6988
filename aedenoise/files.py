"""Atomic writes, file locks and the cache folder.

A process killed at any moment leaves either the old content of a file or the new.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces ``path`` by ``content``; a process killed midway leaves the old content."""
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
    """Opens a temporary file that becomes ``path`` on exit: written in the same folder, flushed to
    disk, then renamed. After an error it is removed."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            # Before the rename: otherwise a crash of the machine can leave an empty file.
            file.flush()
            # Without fsync a power failure after the rename could leave an empty file.
            os.fsync(file.fileno())
        # mkstemp makes the file private; the umask gives the mode of an ordinary file.
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
    """Holds the lock on ``path``, after waiting for other processes of this machine."""
    with open(path, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def lock_if_free(path: Path) -> Iterator[bool]:
    """Holds the lock on ``path``, or yields False if another process does; the system releases it
    when a process dies. Other machines see it where the file system supports ``flock``."""
    with open(path, "ab") as file:
        yield _lock(file.fileno())


@contextmanager
def folder_lock(folder: Path) -> Iterator[bool]:
    """Holds the lock on a folder itself, or yields False if another process does. On file systems
    without such locks every process gets True."""
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
    """Takes the lock until the file is closed; returns False if another process holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def cache_folder() -> Path:
    """Returns the folder for files that can be recreated: ``$XDG_CACHE_HOME/aedenoise``, or
    ``~/.cache/aedenoise``, or one in ``temporary_home`` for users without a home. It need not
    exist."""
    home = Path.home() if has_home() else temporary_home()
    asked = os.environ.get("XDG_CACHE_HOME", "")
    base = home / asked.removeprefix("~/") if asked.startswith("~/") else Path(asked)
    # The XDG specification has relative paths ignored: they would mean another folder each time.
    return (base if base.is_absolute() else home / ".cache") / "aedenoise"


def has_home() -> bool:
    """Returns False if neither ``HOME`` nor the user database names a home folder."""
    try:
        Path.home()
    except RuntimeError:
        return False
    return True


@functools.cache
def temporary_home() -> Path:
    """Creates and returns a folder for this user alone in the system's temporary folder."""
    folder = Path(tempfile.gettempdir()) / f"aedenoise-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    # Anyone can create that name first, and programs are loaded from the caches in it.
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
        return folder
    return Path(tempfile.mkdtemp(prefix=f"{folder.name}-"))


def remove(path: Path) -> None:
    """Removes a file or a folder with its content, if it exists."""
    # A link to a folder is unlinked; its target may not belong to this package.
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
