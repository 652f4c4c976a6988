"""Detection of a process that was forked from one which had used JAX."""

from __future__ import annotations

import functools
import os


def check_not_forked() -> None:
    """Checks that this process used JAX first itself; call it before each use.

    Raises:
      RuntimeError: in the child of such a process, where JAX would wait for threads that the fork
        did not copy.
    """
    if os.getpid() != _first_user():
        raise RuntimeError(
            "JAX does not work in a fork of a process that used it: start processes with "
            'multiprocessing.get_context("spawn")'
        )


@functools.cache
def _first_user() -> int:
    # Cached at the first use of JAX, so that a fork made before it is free to use JAX.
    return os.getpid()
