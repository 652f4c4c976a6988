"""Multi-host runs, one process per host, on JAX's distributed runtime: joining and agreement."""

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
# Time in seconds that a failed process waits for the others. JAX's default of five minutes would
# keep the hosts busy after the death of one.
_SHUTDOWN_SECONDS = 15
_HINT = (
    "give --coordinator_address, --num_processes and --process_id, or --distributed=off for this "
    "process alone"
)


def join_hosts(options: HostOptions, notify: Callable[[str], None] = lambda line: None) -> bool:
    """Joins the processes of a cluster; must precede any other use of JAX.

    ``notify`` gets a line where this waits for other processes to start. With ``auto``, if neither
    flags nor the environment (Cloud TPU, Slurm, Open MPI, Kubernetes with its Python client)
    declare a cluster, this process runs alone.

    Returns:
      True if JAX's distributed runtime is active, even with a single process; it then handles
      SIGTERM itself.

    Raises:
      UsageError: if the flags do not fit, or the other processes cannot be reached.
    """
    if options.distributed == "off":
        return False
    if options.coordinator_address and options.process_id == 0:
        notify(f"waiting at {options.coordinator_address} for {options.num_processes} processes")
    try:
        with warnings.catch_warnings():
            # JAX warns in a Kubernetes pod without the Python client. Such a pod is alone, or was
            # given --num_processes.
            warnings.simplefilter("ignore")
            jax.distributed.initialize(
                options.coordinator_address,
                options.num_processes,
                options.process_id,
                heartbeat_timeout_seconds=options.heartbeat_timeout,
                shutdown_timeout_seconds=_SHUTDOWN_SECONDS,
            )
    except Exception as error:
        # JAX raises a ValueError "coordinator_address should be defined" where it finds no cluster.
        alone = isinstance(error, ValueError) and "defined" in str(error)
        if alone and options.distributed == "auto" and not options.explicit:
            return False
        raise UsageError(
            f"processes cannot be joined: {str(error).rstrip('.')}; {_HINT}"
        ) from error
    return True


def joined() -> bool:
    """Returns True once ``join_hosts`` has joined a cluster, even of one process."""
    return bool(jax.distributed.is_initialized())


def first_says(value: bool) -> bool:
    """Broadcasts ``value`` of process 0 to every process; a collective, so all must call it."""
    if jax.process_count() == 1:
        return value
    return bool(multihost_utils.broadcast_one_to_all(np.asarray(value)))


def for_this_process(tree: Tree) -> Tree:
    """Returns replicated arrays as local ones, for a computation of each process by itself."""
    return tree if jax.process_count() == 1 else jax.device_get(tree)


def is_first_process() -> bool:
    """Returns True in process 0, the only one that writes files and messages."""
    return jax.process_index() == 0


def wait_for_all(what: str) -> None:
    """Waits until every process has called this with the same ``what`` (a barrier)."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(f"aedenoise: {what}")


def all_agree(value: bool) -> bool:
    """Returns True if ``value`` is true in every process; a collective, so all must call it."""
    if jax.process_count() == 1:
        return value
    return bool(np.all(multihost_utils.process_allgather(np.asarray(value))))


class StopVote:
    """Vote of all processes on a stop, taken when one of their machines is preempted."""

    def __init__(self) -> None:
        # JAX compares the number of calls in each process, and stops all at the same count.
        self._asked = 0

    def agreed(self) -> bool:
        """Returns True if all stop here. Each process must call this equally often, at the same
        steps."""
        self._asked += 1
        return bool(multihost_utils.reached_preemption_sync_point(self._asked))


def first_process_first(work: Callable[[], Result]) -> Result:
    """Runs ``work`` in every process, in process 0 before all others.

    On a shared disk the others find the work of process 0 done; otherwise each does its own. If
    process 0 fails, the others do not wait for it: they try themselves.
    """
    if is_first_process():
        try:
            # The barrier in ``finally`` releases the others even if process 0 fails.
            return work()
        finally:
            wait_for_all("process 0 was first")
    wait_for_all("process 0 was first")
    return work()
