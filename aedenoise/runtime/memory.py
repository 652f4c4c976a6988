"""Memory that this process may still take, on the host and on its devices."""

from __future__ import annotations

import os
import re
from pathlib import Path

import jax

# Limits of a container: version 2 of control groups, then version 1.
_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def free_memory() -> int | None:
    """Returns the bytes free for arrays of one device, or on CPU of all; None if unknown."""
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        return free_host_memory()
    limit = (device.memory_stats() or {}).get("bytes_limit")
    return None if limit is None else int(limit)


def free_host_memory(root: Path = Path("/")) -> int | None:
    """Returns the bytes that the host and the container leave free, or None if unknown.

    Args:
      root: folder in which ``proc`` and ``sys`` are looked for.
    """
    found = [_available(root), *(_left_in_group(root, *names) for names in _GROUPS)]
    return min((each for each in found if each is not None), default=None)


def _available(root: Path) -> int | None:
    try:
        text = (root / "proc/meminfo").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):  # no Linux
        return _physical()
    line = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(line[1]) * 1024 if line else None


def _physical() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _left_in_group(root: Path, limit: str, usage: str) -> int | None:
    try:
        most, used = (
            (root / name.lstrip("/")).read_text(encoding="ascii").strip() for name in (limit, usage)
        )
    except (OSError, UnicodeDecodeError):
        return None
    # Without a limit the file says "max", or has a number beyond any memory.
    return max(int(most) - int(used), 0) if most.isdecimal() and used.isdecimal() else None
