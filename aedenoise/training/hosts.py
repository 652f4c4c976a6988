"""Several processes, one on each host: who does what first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
from jax.experimental import multihost_utils

Result = TypeVar("Result")


def first_process_first(work: Callable[[], Result]) -> Result:
    """``work()`` in every process, but in process 0 before all others.

    Where the hosts share a disk, the others find done what process 0 did; where they do not, each
    does it for itself. If process 0 fails, the others are not left waiting: they try.
    """
    if jax.process_count() == 1:
        return work()
    if jax.process_index() != 0:
        multihost_utils.sync_global_devices("aedenoise: process 0 was first")
        return work()
    try:
        return work()
    finally:
        multihost_utils.sync_global_devices("aedenoise: process 0 was first")
