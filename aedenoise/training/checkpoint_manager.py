"""The manager of checkpoints, as Orbax has it: which items one holds, and which ones are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orbax.checkpoint as ocp

# The newest checkpoints that are kept.
KEEP = 2


class NewestAndBest(ocp.checkpoint_managers.PreservationPolicy):  # type: ignore[misc]
    """Policy that keeps the newest checkpoints and that of the step ``best``."""

    def __init__(self) -> None:
        self.best: int | None = None

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> Sequence[bool]:
        newest = {info.step for info in checkpoints[-KEEP:]}
        return [info.step in newest or info.step == self.best for info in checkpoints]


class Manager(ocp.CheckpointManager):  # type: ignore[misc]
    """Orbax manager that leaves preemption to the training loop."""

    def reached_preemption(self, step: int) -> bool:
        # JAX reports a preemption at one sync point only and counts every query. If Orbax asked
        # too, the loop would miss it.
        return False


def open_manager(directory: Any, kept: NewestAndBest, *, read_only: bool) -> Manager:
    """Opens the checkpoints in ``directory``; with ``read_only`` nothing there is changed."""
    return Manager(
        directory,
        options=ocp.CheckpointManagerOptions(
            preservation_policy=None if read_only else kept,
            create=not read_only,
            read_only=read_only,
            # Processes killed while saving leave temporary folders behind.
            cleanup_tmp_directories=not read_only,
            enable_async_checkpointing=False,
        ),
        item_names=("params", "state", "record", "digest"),
        # Without named handlers Orbax cannot read shapes and dtypes before a restore.
        item_handlers={
            "params": ocp.StandardCheckpointHandler(),
            "state": ocp.StandardCheckpointHandler(),
            "record": ocp.JsonCheckpointHandler(),
            "digest": ocp.JsonCheckpointHandler(),
        },
    )
