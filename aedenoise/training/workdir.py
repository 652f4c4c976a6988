"""The workdir of a run: its paths, its JSON records, and checks before a run is resumed."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aedenoise.config import Experiment, first_difference, from_dict, to_dict
from aedenoise.config.options import RunOptions
from aedenoise.errors import CheckpointError, StorageError
from aedenoise.files import folder_lock, remove, write_json

FORMAT = 1


class Workdir:
    """Paths and JSON records of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.checkpoints = path / "checkpoints"
        self.damaged = path / "checkpoints-damaged"
        self.metrics = path / "metrics.jsonl"
        self.results = path / "results.json"
        self.evaluation = path / "eval.json"
        self.figures = path / "figures"
        self.tensorboard = path / "tensorboard"
        self.page = path / "report.html"
        self.probe = path / "probe.json"
        self.tuning = path / "tuning"
        self.wandb = path / "wandb-id"

    def check(self, experiment: Experiment, parts: Mapping[str, str] | None = None) -> None:
        """Checks that a run in this workdir, if any, is of the same ``experiment``.

        Args:
          experiment: the experiment to be trained here.
          parts: names of user-defined parts, see ``Components.names``.

        Raises:
          CheckpointError: if the experiment or the parts differ.
        """
        if not self.config.is_file():
            return
        difference = first_difference(self.read_experiment(), experiment)
        recorded = self.read_parts()
        if not difference and recorded != (parts or {}):
            named = [", ".join(f"{k}={v}" for k, v in p.items()) for p in (recorded, parts or {})]
            difference = f"custom parts ({named[0] or 'none'}, now {named[1] or 'none'})"
        if difference:
            raise CheckpointError(
                f"{self.path} holds a run of another experiment: {difference}; "
                "choose another --workdir, or replace the run with --overwrite"
            )

    def claim(self, experiment: Experiment, parts: Mapping[str, str]) -> None:
        """Prepares the workdir for training ``experiment``; existing files stay untouched.

        Raises:
          CheckpointError: see ``check``.
          StorageError: if the folder cannot be created or written.
        """
        self.check(experiment, parts)
        self.make()

    def make(self) -> None:
        """Creates the folder and checks that it is writable.

        Raises:
          StorageError: if it cannot be created or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # Permission bits do not show read-only mounts or quotas; writing a file does.
            with tempfile.NamedTemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise StorageError(f"cannot write to workdir {self.path}: {error.strerror}") from error

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Locks the workdir against other training processes on this machine.

        Raises:
          CheckpointError: if another process holds the lock.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with folder_lock(self.path) as mine:
            if not mine:
                raise CheckpointError(
                    f"another process is training in {self.path}; wait for it, or choose another "
                    "--workdir"
                )
            yield

    def read_config(self) -> dict[str, Any]:
        """Returns the content of ``config.json``.

        Raises:
          CheckpointError: if there is no run here, or the file cannot be read.
        """
        if not self.config.is_file():
            what = "is no folder" if self.path.exists() else "does not exist"
            what = "is empty or holds no run" if self.path.is_dir() else what
            raise CheckpointError(f"workdir {self.path} {what} (no config.json); train there first")
        try:
            config = json.loads(self.config.read_text(encoding="utf-8"))
            version, _ = config["format"], config["experiment"]
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{self.config} is damaged ({type(error).__name__}); remove it, and the next run "
                "restores it from the checkpoint"
            ) from error
        if version != FORMAT:
            raise CheckpointError(
                f"{self.config} has format {version}, this version reads {FORMAT}"
            )
        checked: dict[str, Any] = config
        return checked

    def read_experiment(self) -> Experiment:
        """Returns the experiment of the run in this workdir."""
        return from_dict(self.read_config()["experiment"])

    def read_parts(self) -> dict[str, str]:
        """Returns the names of the user-defined parts of the run."""
        return dict(self.read_config().get("parts", {}))

    def write_config(self, experiment: Experiment, record: Mapping[str, Any]) -> None:
        """Writes ``config.json``: the experiment, and a record of the environment."""
        write_json(self.config, {"format": FORMAT, "experiment": to_dict(experiment), **record})

    def clear(self) -> None:
        """Removes what a run writes, and nothing else that may lie in the folder."""
        # The configuration goes last: until then the folder is known as a run's.
        for path in (
            self.checkpoints,
            self.damaged,
            self.metrics,
            self.results,
            self.evaluation,
            self.figures,
            self.tensorboard,
            self.page,
            self.probe,
            self.tuning,
            self.wandb,
            self.config,
        ):
            with contextlib.suppress(FileNotFoundError):
                remove(path)


def checkpoint_place(options: RunOptions) -> Path | str:
    """Returns ``checkpoint_dir`` if given, else the folder for checkpoints in the workdir."""
    return options.checkpoint_dir or Workdir(options.workdir).checkpoints


def read_json(path: Path) -> dict[str, Any]:
    """Reads a file written by ``files.write_json``.

    Raises:
      CheckpointError: if the file is damaged.
    """
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged; remove it and run again") from error
    return values
