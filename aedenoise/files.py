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
    """Opens a temporary file, also for reading, that becomes ``path`` on exit: written in the same
    folder, flushed to disk, then renamed. After an error it is removed."""
    with _naming(path):
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with _naming(path, name), os.fdopen(descriptor, "w+b") as file:
            # Marks the file as in use, for ``remove_leftovers``; not all file systems have locks.
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield file
            # Before the rename: otherwise a crash of the machine can leave an empty file.
            file.flush()
            # Without fsync a power failure after the rename could leave an empty file.
            os.fsync(file.fileno())
        # mkstemp makes the file private; the umask gives the mode of an ordinary file.
        umask = os.umask(0)
        os.umask(umask)
        with _naming(path, name):
            Path(name).chmod(0o666 & ~umask)
            Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


@contextmanager
def _naming(path: Path, temporary: str | None = None) -> Iterator[None]:
    """Lets errors name ``path``, the file that the user knows, instead of the temporary file."""
    try:
        yield
    except OSError as error:
        other = temporary is not None and error.filename not in (None, temporary)
        if other or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def remove_leftovers(folder: Path, *names: str) -> None:
    """Removes temporary files of ``writing`` that killed processes have left in ``folder``.

    Args:
      folder: the folder, which need not exist.
      names: names of the files that were being written; ``*`` matches any part of a name.
    """
    for name in names:
        for path in folder.glob(f".{name}.{'[a-z0-9_]' * 8}"):
            with suppress(OSError):
                if path.is_file() and not path.is_symlink():
                    with lock_if_free(path) as unused:
                        if unused:
                            path.unlink()


@contextmanager
def locked_folder(folder: Path) -> Iterator[Path]:
    """Creates an empty folder for this process alone, and removes it afterwards; waits for other
    processes that hold it. What a killed process left in it is removed, too.

    Raises:
      OSError: if it cannot be created.
    """
    while True:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
        with suppress(OSError):  # not all file systems have locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # While this process waited, the holder has removed the folder and its lock.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), folder.stat()):
                break
        os.close(descriptor)
    try:
        for left in folder.iterdir():
            remove(left)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def check_writable(folder: Path) -> None:
    """Checks that files can be written in ``folder``, or in its nearest parent that exists.

    Nothing remains or is created. Permission bits do not show read-only mounts or quotas; writing
    a file does.

    Raises:
      OSError: if not.
    """
    places = (folder, *folder.absolute().parents)
    place = next(place for place in places if os.path.lexists(place))
    with _naming(place), tempfile.NamedTemporaryFile(dir=place):
        pass


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
