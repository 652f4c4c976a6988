"""Expected errors: exception classes with exit codes, and the one place that reports them.

Exit codes: 0 done (or saved and stopped on a signal), 2 wrong flags or experiment,
3 data or checkpoint, 4 training diverged, 5 out of disk or not writable,
6 an exported file differs from its network, 7 the doctor found a checkerboard in a model,
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

# Exit code of ``doctor`` for a model with a checkerboard, so that a script can refuse it.
GRID_FOUND = 7


class AedenoiseError(Exception):
    """An error that the user can fix. Its text names fault and remedy in one line."""

    exit_code = 1


class UsageError(AedenoiseError):
    """Invalid flag or experiment, or two that contradict each other."""

    exit_code = 2


class DataError(AedenoiseError):
    """A dataset is missing, unreadable, or fails a check of its content."""

    exit_code = 3


class CheckpointError(AedenoiseError):
    """Workdir or checkpoint that is missing, unreadable or from another experiment."""

    exit_code = 3


class DivergedError(AedenoiseError):
    """Non-finite loss, gradient or parameter."""

    exit_code = 4


class Stopped(BaseException):
    """A stop signal received while there was nothing to save.

    Derived from ``BaseException``, so that handlers of ``Exception`` do not catch it.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


class StorageError(AedenoiseError):
    """Path that cannot be written, or a full disk."""

    exit_code = 5


class ExportError(AedenoiseError):
    """An exported file whose results are not those of its network."""

    exit_code = 6


# Quota, file size limit and free space: the remedy is the same, less data or more room.
_FULL_ERRNOS = frozenset({errno.EDQUOT, errno.EFBIG, errno.ENOSPC})
_STORAGE_ERRNOS = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
# Transient errors of a disk, a network file system or a bucket: the data may well be intact, so
# they must not count as a damaged checkpoint.
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
# TensorStore reports transient errors as a ValueError with a status name or an errno.
_PASSING_STATUS = re.compile(r"\b(?:UNAVAILABLE|DEADLINE_EXCEEDED)\b|\bOS error (\d+)\b")


def as_expected(error: BaseException) -> AedenoiseError | None:
    """Converts ``error`` to an expected error, or returns None if it is a defect."""
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
    # JAX's error class has no public home below JAX itself, which is not imported here.
    exhausted = type(error).__name__ == "JaxRuntimeError" and "RESOURCE_EXHAUSTED" in str(error)
    if isinstance(error, MemoryError) or exhausted:
        return UsageError(
            "out of memory; use a smaller --batch_size, narrower layers or smaller images"
        )
    if isinstance(error, ValueError):
        status = _PASSING_STATUS.search(str(error))
        if status and (status[1] is None or int(status[1]) in _PASSING_ERRNOS):
            return _unreadable(f"a file ({status[0]})")
    return None


def _unreadable(what: str) -> StorageError:
    return StorageError(
        f"cannot read or write {what}: check the disk, network or bucket, and run the same "
        "command again"
    )


def report(error: BaseException, *, debug: bool) -> int:
    """Prints ``error`` as one line on stderr and returns the exit code.

    Unexpected errors get a traceback only if ``debug`` is set; otherwise the line names --debug.
    """
    # The default handler of SIGINT may be active before or after ``StopSignals``.
    if isinstance(error, KeyboardInterrupt):
        error = Stopped(signal.SIGINT)
    if isinstance(error, Stopped):
        # A reader that exits early, such as ``head``, ends its writer without a word.
        if error.number != signal.SIGPIPE:
            print(f"aedenoise: {error}: interrupted", file=sys.stderr)
        return 128 + error.number  # the shell's convention
    if debug:
        traceback.print_exception(error)
    # One line even where the text of a library has several: scripts read stderr by line.
    expected = as_expected(error)
    if expected is not None:
        print(f"aedenoise: {' '.join(str(expected).split())}", file=sys.stderr)
        return expected.exit_code
    text = " ".join(str(error).split())[:300]
    hint = "" if debug else " (run again with --debug for the traceback)"
    print(f"aedenoise: internal error: {type(error).__name__}: {text}{hint}", file=sys.stderr)
    return 1


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns a clause that suggests the known name nearest to a misspelt one, and lists all."""
    known = list(known)
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    offer = f"did you mean {close[0]!r}? " if close else ""
    return f"{offer}known: {', '.join(known)}"


def counted(number: int, noun: str) -> str:
    """Returns ``1 image``, ``2 images``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
