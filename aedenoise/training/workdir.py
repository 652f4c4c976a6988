"""The workdir: what a run writes, where, and whether a run may go on in it."""

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
    """Paths of one run, and its JSON records."""

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
        """Compares the run in this workdir, if there is one, with ``experiment``.

        Args:
          experiment: what is to be trained here.
          parts: names of the parts that come from Python, see ``Components.names``.

        Raises:
          CheckpointError: if another experiment was trained here, or with other parts.
        """
        if not self.config.is_file():
            return
        difference = first_difference(self.read_experiment(), experiment)
        recorded = self.read_parts()
        if not difference and recorded != (parts or {}):
            named = [", ".join(f"{k}={v}" for k, v in p.items()) for p in (recorded, parts or {})]
            difference = f"own parts ({named[0] or 'none'}, now {named[1] or 'none'})"
        if difference:
            raise CheckpointError(
                f"{self.path} holds a run of another experiment: {difference}; "
                "choose another --workdir, or start anew with --overwrite"
            )

    def claim(self, experiment: Experiment, parts: Mapping[str, str]) -> None:
        """Makes the workdir ready for training ``experiment``; nothing else is touched.

        Raises:
          CheckpointError: see ``check``.
          StorageError: if it cannot be made or written.
        """
        self.check(experiment, parts)
        self.make()

    def make(self) -> None:
        """Makes the folder, and writes and removes a file there.

        Raises:
          StorageError: if it cannot be made or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise StorageError(f"cannot write to workdir {self.path}: {error.strerror}") from error

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While entered, no other process of this machine trains here.

        Raises:
          CheckpointError: if one does already.
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
        """The content of ``config.json``.

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
        """The experiment that the run in this workdir carries out."""
        return from_dict(self.read_config()["experiment"])

    def read_parts(self) -> dict[str, str]:
        """Returns the names of the parts of the run that came from Python."""
        return dict(self.read_config().get("parts", {}))

    def write_config(self, experiment: Experiment, record: Mapping[str, Any]) -> None:
        """Writes ``config.json``: the experiment, and what it ran on."""
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
    """Where a run's checkpoints are: in its workdir, unless ``checkpoint_dir`` is given."""
    return options.checkpoint_dir or Workdir(options.workdir).checkpoints


def read_json(path: Path) -> dict[str, Any]:
    """Reads a file of ``files.write_json``.

    Raises:
      CheckpointError: if the file is damaged.
    """
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged; remove it and run again") from error
    return values
