"""Checkpoints: the only home of Orbax.

A checkpoint holds the training state and a small JSON record beside it. Saving is synchronous:
the state is a few hundred kilobytes, and a save that returned is a save on disk.
"""

from __future__ import annotations

import logging as std_logging
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import jax
import orbax.checkpoint as ocp
from absl import logging

from aedenoise.errors import CheckpointError, as_expected

Tree = TypeVar("Tree")
KEEP = 2


class Checkpoints(AbstractContextManager["Checkpoints"]):
    """The checkpoints of one run, in ``directory``; the newest two are kept.

    With ``read_only``, nothing is created, written or cleaned.
    """

    def __init__(self, directory: Path, *, read_only: bool = False) -> None:
        # Orbax logs its progress and its fallbacks; what matters here becomes an exception.
        logging.set_verbosity(logging.ERROR)
        std_logging.getLogger("asyncio").setLevel(std_logging.CRITICAL)
        self._directory = directory
        self._manager = ocp.CheckpointManager(
            directory.absolute(),
            options=ocp.CheckpointManagerOptions(
                max_to_keep=None if read_only else KEEP,
                create=not read_only,
                read_only=read_only,
                # A process killed while saving leaves a temporary folder behind.
                cleanup_tmp_directories=not read_only,
                enable_async_checkpointing=False,
            ),
            item_names=("state", "meta"),
            # Named, so that shapes and dtypes can be read before anything is restored.
            item_handlers={
                "state": ocp.StandardCheckpointHandler(),
                "meta": ocp.JsonCheckpointHandler(),
            },
        )

    def __exit__(self, *error: object) -> None:
        self._manager.close()

    def latest_step(self) -> int | None:
        """The step of the newest checkpoint, or None if there is none."""
        step = self._manager.latest_step()
        return None if step is None else int(step)

    def save(self, step: int, state: Any, meta: Mapping[str, Any]) -> None:
        """Writes a checkpoint; nothing is done if ``step`` is already there."""
        if step == self.latest_step():
            return
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(dict(meta))
            ),
        )

    def restore(self, like: Tree, step: int | None = None) -> tuple[Tree, dict[str, Any]]:
        """The state and the record of ``step`` (None: the newest).

        Args:
          like: the state's tree of ``jax.ShapeDtypeStruct`` with shardings.
          step: which checkpoint.

        Raises:
          CheckpointError: if there is none, it cannot be read, or a leaf's shape or dtype is
            not that of ``like`` (Orbax by itself would cast silently).
        """
        step = self.latest_step() if step is None else step
        if step is None:
            raise CheckpointError(f"no checkpoint in {self._directory}")
        try:
            stored = self._manager.item_metadata(step)["state"]
            self._check_matches(stored, like, step)
            restored = self._manager.restore(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardRestore(like), meta=ocp.args.JsonRestore()
                ),
            )
        except CheckpointError:
            raise
        except Exception as error:
            if as_expected(error) is not None:
                raise
            raise CheckpointError(
                f"checkpoint {step} in {self._directory} cannot be read "
                f"({type(error).__name__}); remove that folder to continue from an earlier one"
            ) from error
        return restored["state"], dict(restored["meta"])

    def _check_matches(self, stored: Any, like: Any, step: int) -> None:
        found = _leaves(getattr(stored, "tree", stored))
        wanted = _leaves(like)
        for path in sorted(found.keys() | wanted.keys()):
            if found.get(path) != wanted.get(path):
                raise CheckpointError(
                    f"checkpoint {step} in {self._directory} is of another model: {path} is "
                    f"{found.get(path, 'missing')} there and {wanted.get(path, 'missing')} here"
                )


def parameter_count(params: Any) -> int:
    """Number of parameters in a tree of arrays."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def _leaves(tree: Any) -> dict[str, str]:
    paths = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {
        "/".join(_key_name(key) for key in path): f"{leaf.dtype}{list(leaf.shape)}"
        for path, leaf in paths
    }


def _key_name(key: Any) -> str:
    """The bare name of a key, whether it stands for a dict's, a class's or a tuple's place."""
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)
