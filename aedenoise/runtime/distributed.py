"""Several processes, one on each host: how they find each other, and who does what first.

The engine is JAX's own distributed runtime.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from aedenoise.config.options import HostOptions
from aedenoise.errors import UsageError

Result = TypeVar("Result")
Tree = TypeVar("Tree")
# How long a process that has failed waits for the others before it leaves them.
_SHUTDOWN_SECONDS = 15
_HINT = (
    "give --coordinator_address, --num_processes and --process_id, or --distributed=off for this "
    "process alone"
)


def join_hosts(options: HostOptions, notify: Callable[[str], None] = lambda line: None) -> bool:
    """Joins the processes of a cluster, before anything else is asked of JAX.

    ``notify`` gets a line where this may take until someone has started the others. With ``auto``,
    where neither flags nor the environment (Cloud TPU, Slurm, Open MPI, Kubernetes with its Python
    client) tell of others, this process goes on alone.

    Returns:
      Whether JAX's runtime runs, which then heeds SIGTERM itself; also where this process is its
      only one.

    Raises:
      UsageError: if the flags do not fit, or the others cannot be found.
    """
    if options.distributed == "off":
        return False
    if options.coordinator_address and options.process_id == 0:
        notify(f"waiting at {options.coordinator_address} for {options.num_processes} processes")
    try:
        with warnings.catch_warnings():
            # Of Kubernetes without its client: such a pod is alone, or has --num_processes.
            warnings.simplefilter("ignore")
            jax.distributed.initialize(
                options.coordinator_address,
                options.num_processes,
                options.process_id,
                heartbeat_timeout_seconds=options.heartbeat_timeout,
                shutdown_timeout_seconds=_SHUTDOWN_SECONDS,
            )
    except Exception as error:
        # What JAX says where it finds no cluster.
        alone = isinstance(error, ValueError) and "defined" in str(error)
        if alone and options.distributed == "auto" and not options.explicit:
            return False
        raise UsageError(
            f"processes cannot be joined: {str(error).rstrip('.')}; {_HINT}"
        ) from error
    return True


def joined() -> bool:
    """Whether ``join_hosts`` has joined a cluster, if only of one process."""
    return bool(jax.distributed.is_initialized())


def first_says(value: bool) -> bool:
    """``value`` of process 0, in every process; each must ask."""
    if jax.process_count() == 1:
        return value
    return bool(multihost_utils.broadcast_one_to_all(np.asarray(value)))


def for_this_process(tree: Tree) -> Tree:
    """Replicated arrays, for a computation that each process makes by itself."""
    return tree if jax.process_count() == 1 else jax.device_get(tree)


def is_first_process() -> bool:
    """Whether this is process 0, the only one that writes and speaks."""
    return jax.process_index() == 0


def wait_for_all(what: str) -> None:
    """Returns once every process has come here; ``what`` is the same in each."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(f"aedenoise: {what}")


def all_agree(value: bool) -> bool:
    """Whether ``value`` is true in every process; each must ask."""
    if jax.process_count() == 1:
        return value
    return bool(np.all(multihost_utils.process_allgather(np.asarray(value))))


class StopVote:
    """Asks the other processes whether one of their machines is about to go."""

    def __init__(self) -> None:
        # JAX compares how often each process has asked, and stops all at the same count.
        self._asked = 0

    def agreed(self) -> bool:
        """Whether all stop here. Each process must ask as often, and in the same places."""
        self._asked += 1
        return bool(multihost_utils.reached_preemption_sync_point(self._asked))


def first_process_first(work: Callable[[], Result]) -> Result:
    """``work()`` in every process, but in process 0 before all others.

    Where the hosts share a disk, the others find done what process 0 did; where they do not, each
    does it for itself. If process 0 fails, the others are not left waiting: they try.
    """
    if is_first_process():
        try:
            return work()
        finally:
            wait_for_all("process 0 was first")
    wait_for_all("process 0 was first")
    return work()
