"""Standard streams that can be written to, whatever the process was started with."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress

_OUTPUTS = {1: "stdout", 2: "stderr"}
_replaced: set[str] = set()


def ensure_streams() -> None:
    """Opens closed standard streams on the null device.

    Python sets a stream to None if its descriptor is closed, as after ``2>&-``. A free descriptor
    1 or 2 would also be given to the next file that is opened, a checkpoint for instance, and C
    libraries print into it.
    """
    for descriptor in (0, *_OUTPUTS):
        try:
            os.fstat(descriptor)
        except OSError:
            # The system gives out the lowest free number, which is this one.
            os.open(os.devnull, os.O_RDWR)
    for name in _OUTPUTS.values():
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
            _replaced.add(name)


def is_closed(name: str) -> bool:
    """Returns True if ``stdout`` or ``stderr`` was closed when the process started.

    Messages may then be lost, but a result must not.
    """
    return name in _replaced or getattr(sys, name) is None


def escape_unprintable() -> None:
    """Lets stdout and stderr print escapes for characters that their encoding lacks."""
    for name in _OUTPUTS.values():
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            with suppress(io.UnsupportedOperation):
                stream.reconfigure(errors="backslashreplace")
