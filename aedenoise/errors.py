"""Expected errors: one exception class per exit code, and the one place that reports them.

Exit codes: 0 done (or saved and stopped on a signal), 2 wrong flags or experiment,
3 data or checkpoint, 4 training diverged, 5 out of disk or not writable,
128 + N ended by signal N in a mode that has nothing to save.
"""

from __future__ import annotations

import difflib
import errno
import re
import signal
import sys
import traceback
from collections.abc import Iterable


class AedenoiseError(Exception):
    """An error the user can mend. Its text says in one line what is wrong and what to do."""

    exit_code = 1


class UsageError(AedenoiseError):
    """A flag or an experiment is wrong or contradicts another."""

    exit_code = 2


class DataError(AedenoiseError):
    """A dataset is missing, unreadable, or not what it says it is."""

    exit_code = 3


class CheckpointError(AedenoiseError):
    """A workdir or checkpoint is missing, unreadable, or of another experiment."""

    exit_code = 3


class DivergedError(AedenoiseError):
    """A loss, gradient or parameter is not finite."""

    exit_code = 4


class Stopped(BaseException):
    """A stop signal came while there was nothing to save. Not an error; nothing catches it."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


class StorageError(AedenoiseError):
    """A place cannot be written, or the disk is full."""

    exit_code = 5


_FULL_ERRNOS = frozenset({errno.EDQUOT, errno.EFBIG, errno.ENOSPC})
_STORAGE_ERRNOS = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
# What a disk, a network file system or a bucket says that does not answer now: it tells nothing
# about what is stored there.
_PASSING_ERRNOS = frozenset(
    {
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
        errno.EIO,
        errno.EMFILE,
        errno.ENETUNREACH,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)
# TensorStore reports them as a ValueError with the name of a status, or the number of an error.
_PASSING_STATUS = re.compile(r"\b(?:UNAVAILABLE|DEADLINE_EXCEEDED)\b|\bOS error (\d+)\b")


def as_expected(error: BaseException) -> AedenoiseError | None:
    """The expected error that ``error`` stands for, or None if it is a defect."""
    if isinstance(error, AedenoiseError):
        return error
    if isinstance(error, OSError) and error.errno in _FULL_ERRNOS:
        where = f" for {error.filename}" if error.filename else ""
        return StorageError(
            f"no room{where} ({error.strerror}); free some space and run the same command again"
        )
    if isinstance(error, OSError) and error.errno in _STORAGE_ERRNOS:
        return StorageError(f"cannot use {error.filename or 'a file'}: {error.strerror}")
    if isinstance(error, OSError) and error.errno in _PASSING_ERRNOS:
        return _unreadable(f"{error.filename or 'a file'} ({error.strerror})")
    # TensorStore reports a full disk as a ValueError that carries this status name.
    if isinstance(error, ValueError) and "RESOURCE_EXHAUSTED" in str(error):
        return StorageError("the disk is full; free some space and run the same command again")
    if isinstance(error, ValueError):
        status = _PASSING_STATUS.search(str(error))
        if status and (status[1] is None or int(status[1]) in _PASSING_ERRNOS):
            return _unreadable(f"a file ({status[0]})")
    return None


def _unreadable(what: str) -> StorageError:
    return StorageError(
        f"cannot read or write {what}: see that the disk, network or bucket answers, and run the "
        "same command again"
    )


def report(error: BaseException, *, debug: bool) -> int:
    """Prints ``error`` as one line on stderr and returns the exit code.

    Unexpected errors are shown with a traceback only when ``debug`` is set; without it the
    line says how to get one.
    """
    if isinstance(error, KeyboardInterrupt):
        error = Stopped(signal.SIGINT)
    if isinstance(error, Stopped):
        print(f"aedenoise: {error}: interrupted", file=sys.stderr)
        return 128 + error.number
    if debug:
        traceback.print_exception(error)
    expected = as_expected(error)
    if expected is not None:
        print(f"aedenoise: {' '.join(str(expected).split())}", file=sys.stderr)
        return expected.exit_code
    text = " ".join(str(error).split())[:300]
    hint = "" if debug else " (run again with --debug for the traceback)"
    print(f"aedenoise: internal error: {type(error).__name__}: {text}{hint}", file=sys.stderr)
    return 1


def nearest(name: str, known: Iterable[str]) -> str:
    """A clause that offers the known name nearest to a misspelt one, then lists all."""
    known = list(known)
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    offer = f"did you mean {close[0]!r}? " if close else ""
    return f"{offer}known: {', '.join(known)}"
