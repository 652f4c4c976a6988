"""Checkpoints of a run, verified by digests.

A checkpoint holds four items: the parameters, which inference reads alone; the rest of the training
state; a JSON record of the run; and the digests of all three. Orbax does not detect a changed byte
in an array; if digests do not match, the previous checkpoint is used instead. Saving is
synchronous: the state is a few hundred kilobytes, and it is on disk once ``save`` returns.
Checkpoints of version 0.1, which hold the whole state in one item, are read too.
"""

from __future__ import annotations

import logging as std_logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import jax
import orbax.checkpoint as ocp
from absl import logging

from aedenoise.errors import (
    CheckpointError,
    DivergedError,
    StorageError,
    UsageError,
    as_expected,
)
from aedenoise.runtime.distributed import all_agree, is_first_process, wait_for_all
from aedenoise.training.checkpoint_folders import damaged_beside, reaching, resolve_folder
from aedenoise.training.checkpoint_items import (
    OtherModelError,
    check_digests,
    check_matches,
    join_state,
    split_state,
)
from aedenoise.training.checkpoint_manager import NewestAndBest, open_manager
from aedenoise.training.digests import (
    first_non_finite,
    host_leaves,
    leaf_digests,
    record_digest,
)

Tree = TypeVar("Tree")
# Format of the items and of the record; format 1 has no ``params`` item. Others are refused.
FORMAT = 2
_READABLE = (1, FORMAT)


@dataclass(frozen=True)
class Restored(Generic[Tree]):
    """A verified checkpoint: its step, its state, and the record saved with it."""

    step: int
    state: Tree
    record: dict[str, Any]


class Checkpoints(AbstractContextManager["Checkpoints"]):
    """The checkpoints of one run, in ``directory`` (a folder, or ``gs://bucket/folder``).

    The newest two are kept, and that of the step ``best``. With ``read_only``, nothing is
    created, written or moved. ``notify`` receives a line for each damaged checkpoint.
    """

    def __init__(
        self,
        directory: Path | str,
        *,
        read_only: bool = False,
        notify: Callable[[str], None] = lambda line: None,
    ) -> None:
        # Orbax logs its progress and fallbacks; relevant failures are raised as exceptions here.
        logging.set_verbosity(logging.FATAL)
        std_logging.getLogger("asyncio").setLevel(std_logging.CRITICAL)
        self._directory = resolve_folder(directory)
        self._damaged = damaged_beside(self._directory)
        self._read_only = read_only
        self._notify = notify
        self._kept = NewestAndBest()
        with reaching(self._directory):
            if self._directory.exists() and not self._directory.is_dir():
                raise StorageError(
                    f"{self._directory} is not a folder; choose another --checkpoint_dir"
                )
            self._manager = open_manager(self._directory, self._kept, read_only=read_only)

    def __exit__(self, *error: object) -> None:
        self._manager.close()

    @property
    def best(self) -> int | None:
        """Returns the step of the best checkpoint, which is kept in addition to the newest."""
        return self._kept.best

    @best.setter
    def best(self, step: int | None) -> None:
        self._kept.best = step

    def steps(self) -> list[int]:
        """Returns the steps with a checkpoint in ascending order, without verifying any."""
        return sorted(int(step) for step in self._manager.all_steps())

    def save(self, step: int, state: Any, record: Mapping[str, Any]) -> None:
        """Writes a checkpoint, unless there is one of ``step`` already.

        Raises:
          DivergedError: if a value of the state is not finite; nothing is written.
        """
        if step in self.steps():
            return
        leaves = host_leaves(state)
        name = first_non_finite(leaves)
        if name is not None:
            raise DivergedError(
                f"{name} is not finite at step {step}: training diverged; the last good "
                "checkpoint is kept; try a lower --learning_rate or --max_grad_norm"
            )
        digests = {
            "format": FORMAT,
            "state": leaf_digests(leaves),
            "record": record_digest(record),
        }
        params, rest = split_state(state)
        self._manager.save(
            step,
            args=ocp.args.Composite(
                params=ocp.args.StandardSave(params),
                state=ocp.args.StandardSave(rest),
                record=ocp.args.JsonSave(dict(record)),
                digest=ocp.args.JsonSave(digests),
            ),
            # The loop decides when to save; Orbax's own intervals must not skip a step.
            force=True,
        )

    def restore(self, like: Tree, step: int | None = None) -> Restored[Tree]:
        """Restores the checkpoint of ``step``, by default the newest intact one.

        Damaged checkpoints are reported to ``notify`` and, unless ``read_only``, moved to a folder
        next to ``directory``, so that the run can save their steps again.

        Args:
          like: the state's tree of ``jax.ShapeDtypeStruct`` with shardings.
          step: step of the checkpoint, or None.

        Raises:
          CheckpointError: if there is none, none can be read, or a leaf's shape or dtype differs
            from ``like`` (Orbax by itself would cast silently).
        """
        return self._restore(step, lambda candidate: self._verified(candidate, like))

    def restore_params(self, like: Tree, step: int | None = None) -> Restored[Tree]:
        """Restores the parameters alone, without optimizer or discriminator.

        Args:
          like: ``{"params": tree}`` of ``jax.ShapeDtypeStruct`` with shardings; for GANs also
            ``"average"``, the moving average of the generator's parameters.
          step: step of the checkpoint; None for the newest intact one.

        Raises:
          CheckpointError: as ``restore`` does.
        """
        return self._restore(step, lambda candidate: self._verified_params(candidate, like))

    def _restore(self, step: int | None, read: Callable[[int], Restored[Tree]]) -> Restored[Tree]:
        steps = self.steps()
        if not steps:
            raise CheckpointError(
                f"no checkpoint in {self._directory}; give --checkpoint_dir, or train again with "
                "--overwrite"
            )
        if step is not None:
            if step not in steps:
                raise CheckpointError(
                    f"no checkpoint of step {step} in {self._directory}; available: "
                    f"{', '.join(map(str, steps))}"
                )
            steps = [step]
        problems: dict[int, CheckpointError] = {}
        for candidate in reversed(steps):
            found = self._read(candidate, read)
            if isinstance(found, Restored):
                self._pass_over(problems, found.step)
                return found
            problems[candidate] = found
        newest = problems[steps[-1]]
        if step is not None or isinstance(newest, OtherModelError):
            raise newest
        raise CheckpointError(
            f"{newest}{', and no other is usable' if len(steps) > 1 else ''}; train again with "
            "--overwrite"
        ) from newest

    def choose(self, which: str) -> int | None:
        """Returns the step of ``newest`` (None, see ``restore``), of ``best``, or a given number.

        Raises:
          CheckpointError: if no checkpoint has been evaluated.
          UsageError: for any other text.
        """
        if which == "newest":
            return None
        if which.isdecimal():
            return int(which)
        if which != "best":
            raise UsageError(f"checkpoint must be newest, best or a step, not {which!r}")
        best = (self.newest_record() or {}).get("best") or {}
        if "step" not in best:
            raise CheckpointError(
                f"no checkpoint in {self._directory} has been evaluated yet; use "
                "--checkpoint=newest"
            )
        return int(best["step"])

    def newest_record(self) -> dict[str, Any] | None:
        """Returns the newest intact record of a checkpoint, or None."""
        for step in reversed(self.steps()):
            try:
                items = self._restore_items(step, record=ocp.args.JsonRestore())
                if items["digest"]["record"] == record_digest(items["record"]):
                    return dict(items["record"])
            except Exception as error:
                if as_expected(error) is not None:
                    raise
        return None

    def _read(
        self, step: int, read: Callable[[int], Restored[Tree]]
    ) -> Restored[Tree] | CheckpointError:
        """Returns the checkpoint of ``step`` if it is intact on every process, else the error."""
        found: Restored[Tree] | CheckpointError
        try:
            found = read(step)
        except CheckpointError as error:
            found = error
        except Exception as error:
            if as_expected(error) is not None:
                raise
            found = CheckpointError(
                f"checkpoint {step} in {self._directory} cannot be read ({type(error).__name__})"
            )
            found.__cause__ = error
        # Every process votes, those that failed too: otherwise the others would wait for ever, or
        # resume from different steps.
        if all_agree(isinstance(found, Restored)) or isinstance(found, CheckpointError):
            return found
        return CheckpointError(f"checkpoint {step} in {self._directory} fails on another process")

    def _verified(self, step: int, like: Tree) -> Restored[Tree]:
        params, rest = split_state(like)
        if not self._has_params(step):  # of version 0.1
            return self._checked(step, {"state": like}, lambda items: items["state"])
        return self._checked(
            step, {"params": params, "state": rest}, lambda items: join_state(like, items)
        )

    def _verified_params(self, step: int, like: Any) -> Restored[Any]:
        if self._has_params(step):
            return self._checked(step, {"params": like}, lambda items: items["params"])
        # Version 0.1 has a single item, which Orbax restores as a whole; the rest is dropped.
        sharding = jax.tree.leaves(like)[0].sharding
        stored = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
            self._stored(step, "state"),
        )
        whole = {**stored, **like} if isinstance(stored, dict) else stored
        return self._checked(
            step, {"state": whole}, lambda items: {name: items["state"][name] for name in like}
        )

    def _checked(
        self, step: int, like: Mapping[str, Any], build: Callable[[dict[str, Any]], Tree]
    ) -> Restored[Tree]:
        """Restores the items ``like``, verifies their digests, and passes them to ``build``."""
        where = f"checkpoint {step} in {self._directory}"
        stored = {name: self._stored(step, name) for name in like}
        # Checked before restoring: Orbax would cast to the requested dtype.
        check_matches(stored, like, where)
        items = self._restore_items(
            step,
            record=ocp.args.JsonRestore(),
            **{name: ocp.args.StandardRestore(item) for name, item in like.items()},
        )
        digests, record = items["digest"], dict(items["record"])
        if digests.get("format") not in _READABLE:
            raise CheckpointError(
                f"{where} has format {digests.get('format')!r}, this version reads "
                f"{' and '.join(map(str, _READABLE))}"
            )
        check_digests({name: items[name] for name in like}, record, digests, where)
        return Restored(step, build({name: items[name] for name in like}), record)

    def _has_params(self, step: int) -> bool:
        return bool((self._directory / str(step) / "params").exists())

    def _stored(self, step: int, item: str) -> Any:
        """Returns shapes and dtypes of a stored item as nested mappings."""
        found = self._manager.item_metadata(step)[item]
        return getattr(found, "tree", found)

    def _restore_items(self, step: int, **items: Any) -> Any:
        return self._manager.restore(
            step, args=ocp.args.Composite(**items, digest=ocp.args.JsonRestore())
        )

    def _pass_over(self, problems: Mapping[int, CheckpointError], used: int) -> None:
        for step, problem in problems.items():
            kept = "" if self._read_only else f"; moved to {self._damaged / str(step)}"
            self._notify(f"{problem}; using the checkpoint of step {used}{kept}")
            # Folders are shared by all processes; one moves them, and all wait before reloading.
            if not self._read_only and is_first_process():
                self._damaged.mkdir(parents=True, exist_ok=True)
                target = self._damaged / str(step)
                if target.exists():
                    target.rmtree()
                (self._directory / str(step)).rename(target)
        if problems and not self._read_only:
            wait_for_all("damaged checkpoints moved")
            self._manager.reload()
