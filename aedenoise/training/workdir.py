"""The workdir of a run: its paths, its JSON records, and checks before a run is resumed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aedenoise.config import Experiment, first_difference, from_dict, to_dict
from aedenoise.config.continuation import difference, settle
from aedenoise.config.folders import RUN_FILE, STUDY_FILE
from aedenoise.config.run_names import run_name
from aedenoise.errors import CheckpointError, StorageError
from aedenoise.files import (
    check_writable,
    folder_lock,
    remove,
    remove_leftovers,
    write_json,
)
from aedenoise.training.run_files import well_formed

FORMAT = 1


class Workdir:
    """Paths and JSON records of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / RUN_FILE
        self.checkpoints = path / "checkpoints"
        self.damaged = path / "checkpoints-damaged"
        self.metrics = path / "metrics.jsonl"
        self.results = path / "results.json"
        self.evaluation = path / "eval.json"
        self.calibration = path / "calibration.json"
        self.figures = path / "figures"
        self.tensorboard = path / "tensorboard"
        self.page = path / "report.html"
        self.probe = path / "probe.json"
        self.tuning = path / "tuning"
        self.wandb = path / "wandb-id"
        self.place = path / "checkpoint-dir"
        self._study = path / STUDY_FILE

    def check(self, experiment: Experiment, parts: Mapping[str, str] | None = None) -> Experiment:
        """Checks that a run in this workdir, if any, is of the same ``experiment``; reads only.

        Args:
          experiment: the experiment to be trained here.
          parts: names of user-defined parts, see ``Components.names``.

        Returns:
          The experiment to train: ``experiment``, or that with which the run goes on for more
          epochs, see ``continuation.settle``.

        Raises:
          CheckpointError: if the experiment or the parts differ, or the folder is a comparison's.
        """
        if not self.has_config():
            self._check_no_study()
            return experiment
        self._check_no_study()
        config = self.read_config()
        found = difference(config, experiment)
        recorded = self.read_parts()
        if not found and recorded != (parts or {}):
            named = [", ".join(f"{k}={v}" for k, v in p.items()) for p in (recorded, parts or {})]
            found = f"custom parts ({named[0] or 'none'}, now {named[1] or 'none'})"
        if found:
            raise CheckpointError(
                f"{self.path} holds a run of another experiment: {found}; "
                "choose another --workdir, or replace the run with --overwrite"
            )
        return settle(config, experiment) or experiment

    def check_replaceable(self) -> None:
        """Checks that ``clear`` would remove files of a run and no others; reads only.

        Raises:
          CheckpointError: if files that it removes may be of another origin.
        """
        known = self.has_config()
        self._check_no_study()
        if known:
            self._parse_config()
            return
        # A run that was killed before it wrote its configuration leaves its place at most.
        for path in self._written:
            if path != self.place and (path.is_file() or (path.is_dir() and any(path.iterdir()))):
                raise CheckpointError(
                    f"{self.path} has {path.name} but no {RUN_FILE} of a run; choose another "
                    "--workdir"
                )

    def _check_no_study(self) -> None:
        if self._study.is_file():
            raise CheckpointError(f"{self.path} holds a comparison; choose another --workdir")

    def is_finished(self, experiment: Experiment) -> bool:
        """Returns True if the run here has all epochs of ``experiment``, which ``check`` passed."""
        # Without its configuration a run goes on, and records it again.
        recorded = self.has_config() and self.results.is_file()
        return recorded and self.read_experiment().epochs == experiment.epochs

    def check_writable(self) -> None:
        """Checks that the folder can be written; creates nothing.

        Raises:
          StorageError: if it cannot be created or written.
        """
        try:
            check_writable(self.path)
        except OSError as error:
            raise StorageError(f"cannot write to workdir {self.path}: {error.strerror}") from error

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Creates the folder and locks it against other training processes on this machine.

        Raises:
          CheckpointError: if another process holds the lock.
          StorageError: if the folder cannot be created.
        """
        with contextlib.suppress(FileExistsError):
            self.check_writable()
            self.path.mkdir(parents=True)
        with folder_lock(self.path) as mine:
            if not mine:
                raise CheckpointError(
                    f"another process is training in {self.path}; wait for it, or choose another "
                    "--workdir"
                )
            self.remove_leftovers()
            yield

    def remove_leftovers(self) -> None:
        """Removes the temporary files that a killed process has left here."""
        files = (self.config, self.results, self.evaluation, self.metrics, self.page, self.probe)
        others = (self.calibration, self.wandb, self.place)
        remove_leftovers(self.path, *(file.name for file in (*files, *others)))
        remove_leftovers(self.figures, "*.png")

    def has_config(self) -> bool:
        """Returns True if the folder has the configuration of a run.

        Raises:
          CheckpointError: if the folder cannot be read.
        """
        try:
            return self.config.is_file()
        except PermissionError as error:
            raise CheckpointError(
                f"workdir {self.path} cannot be read: {error.strerror}"
            ) from error

    def read_config(self) -> dict[str, Any]:
        """Returns the content of ``config.json``.

        Raises:
          CheckpointError: if there is no run here, or the file cannot be read.
        """
        if not self.has_config():
            self._check_no_study()
            if self._has_checkpoints():
                raise CheckpointError(
                    f"{self.path} lost its {RUN_FILE}; --mode=eval restores it from a checkpoint"
                )
            what = "is no folder" if self.path.exists() else "does not exist"
            what = "is empty or holds no run" if self.path.is_dir() else what
            raise CheckpointError(f"workdir {self.path} {what} (no {RUN_FILE}); train there first")
        config = self._parse_config()
        if config["format"] != FORMAT:
            raise CheckpointError(
                f"{self.config} has format {config['format']}, this version reads {FORMAT}"
            )
        return config

    def _parse_config(self) -> dict[str, Any]:
        """Returns the content of ``config.json``, of any format.

        Raises:
          CheckpointError: if it is damaged, or a file of another program, which is often called so.
        """
        try:
            config: dict[str, Any] = json.loads(self.config.read_text(encoding="utf-8"))
            _ = config["format"], config["experiment"]
        except (LookupError, TypeError) as error:
            raise CheckpointError(f"{self.config} is not of a run; choose another --workdir") from (
                error
            )
        except (ValueError, RecursionError) as error:
            remedy = (
                "remove it, and --mode=eval restores it from a checkpoint"
                if self._has_checkpoints()
                else "choose another --workdir"
            )
            raise CheckpointError(
                f"{self.config} is damaged ({type(error).__name__}); {remedy}"
            ) from error
        return config

    def _has_checkpoints(self) -> bool:
        return any(self.checkpoints.glob("[0-9]*"))

    def read_experiment(self) -> Experiment:
        """Returns the experiment of the run in this workdir."""
        return from_dict(self.read_config()["experiment"])

    def read_parts(self) -> dict[str, str]:
        """Returns the names of the user-defined parts of the run."""
        with well_formed(self.config):
            return dict(self.read_config().get("parts", {}))

    def write_config(self, experiment: Experiment, record: Mapping[str, Any]) -> None:
        """Writes ``config.json``: the experiment, and a record of the environment."""
        write_json(self.config, {"format": FORMAT, "experiment": to_dict(experiment), **record})

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the training images."""
        config = self.read_config()
        with well_formed(self.config):
            height, width, channels = map(int, config["dataset"]["image_shape"])
        return height, width, channels

    def owns(self, path: Path) -> bool:
        """Returns True for a regular file in this folder, also through links inside it.

        A link to a file elsewhere, in a run from another person, would bring that file into a page.
        """
        return path.is_file() and path.resolve().is_relative_to(self.path.resolve())

    @property
    def _written(self) -> tuple[Path, ...]:
        """Files and folders that a run writes."""
        return (
            self.checkpoints,
            self.damaged,
            self.metrics,
            self.results,
            self.evaluation,
            self.calibration,
            self.figures,
            self.tensorboard,
            self.page,
            self.probe,
            self.tuning,
            self.wandb,
            self.place,
        )

    def clear(self) -> None:
        """Removes what a run writes, and nothing else that may lie in the folder.

        ``check_replaceable`` tells if the folder is a run's.
        """
        # The configuration goes last: until then the folder is known as a run's.
        for path in (*self._written, self.config):
            with contextlib.suppress(FileNotFoundError):
                remove(path)


def default_workdir(experiment: Experiment, base: Experiment) -> Path:
    """Returns ``runs/NAME``, see ``run_names.run_name`` for the arguments.

    A run begun by version 0.1.0, which named folders after the label alone, stays where it is.
    """
    named = Path("runs") / run_name(experiment, base)
    first = Workdir(Path("runs") / experiment.label)
    if first.path == named or named.exists() or not first.config.is_file():
        return named
    try:
        return named if first_difference(first.read_experiment(), experiment) else first.path
    except CheckpointError:
        return named
