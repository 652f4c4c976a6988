"""Process-wide settings, applied once by a command before it computes."""

from __future__ import annotations

import ctypes
import os
import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax

from aedenoise.files import cache_folder
from aedenoise.runtime.home import ensure_home
from aedenoise.runtime.streams import ensure_streams

# Constants of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_NEVER = 2**31 - 1
# JAX's warning about a cache entry that it could not read, or not write completely.
_DAMAGED = re.compile(
    r"Error (?:read|writ)ing persistent compilation cache entry for '(?P<program>[\w.]+)"
)


def prepare_process(notify: Callable[[str], None]) -> None:
    """Keeps compiled programs in the user's cache folder, and freed memory in the process.

    A truncated program there is removed silently, and compiled again.

    ``notify`` gets a line if the folder cannot be written; JAX's own settings
    (``JAX_COMPILATION_CACHE_DIR``, ``JAX_ENABLE_COMPILATION_CACHE``) have precedence.
    """
    # The command line has done both already; programs that call from Python have not.
    ensure_streams()
    ensure_home(notify)
    _keep_programs(notify)
    _remove_damaged_programs()
    _keep_freed_memory()


def _keep_programs(notify: Callable[[str], None]) -> None:
    chosen = getattr(jax.config, "jax_compilation_cache_dir", None)
    if chosen or not getattr(jax.config, "jax_enable_compilation_cache", True):
        return
    folder = cache_folder() / "programs"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkdir succeeds for an existing folder that another user owns.
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "no permission")
    except OSError as error:
        notify(
            f"compilation cache {folder} cannot be written ({error.strerror}); set XDG_CACHE_HOME, "
            "or each run compiles again"
        )
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # JAX's default, one second, skips most programs of these small networks.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _remove_damaged_programs() -> None:
    """Removes damaged cache entries instead of showing JAX's warning about them.

    JAX writes a program in place: after a kill or on a full disk a truncated file remains, is
    never replaced, and costs every later run a warning and a compilation.
    """
    show = warnings.showwarning

    def remove_or_show(message: Warning | str, *where: Any, **more: Any) -> None:
        damaged = _DAMAGED.match(str(message))
        if damaged is None:
            show(message, *where, **more)
            return
        folder = Path(str(getattr(jax.config, "jax_compilation_cache_dir", None)))
        with suppress(OSError):
            for file in folder.iterdir():
                if file.name.startswith(f"{damaged['program']}-"):
                    file.unlink(missing_ok=True)

    warnings.showwarning = remove_or_show


def _keep_freed_memory() -> None:
    """Keeps freed memory in the process.

    XLA's CPU client allocates the temporary arrays of every call anew. glibc returns blocks above
    32 MB to the system when they are freed, and allocating them again costs a page fault for
    every 4 kB: a fifth of a training step. Memory that a thread took from an arena of its own goes
    back whatever the thresholds, so all share one.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    mallopt(_M_MMAP_THRESHOLD, _NEVER)
    mallopt(_M_TRIM_THRESHOLD, _NEVER)
    mallopt(_M_ARENA_MAX, 1)
