"""Writes ``report.html``, at the end of every run and for ``--mode=report``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aedenoise.errors import CheckpointError, StorageError
from aedenoise.files import write_atomically
from aedenoise.reporting.html import is_page
from aedenoise.reporting.page import page
from aedenoise.reporting.run_record import RunRecord
from aedenoise.training.workdir import Workdir, read_json


def write_page(runs: Sequence[Path], target: Path) -> None:
    """Writes the page of one finished run, or of several side by side.

    Raises:
      CheckpointError: if a run is not finished.
      StorageError: if ``target`` exists and is not a report.
    """
    # Only reports are overwritten: a mistyped --output must not cost a file of the user.
    if target.is_dir() or (target.is_file() and not is_page(target.read_bytes())):
        raise StorageError(f"{target} exists and is not a report; choose another --output")
    names = [run.resolve().name for run in runs]
    # Runs of different folders can share a name; then whole paths tell them apart.
    if len(set(names)) < len(names):
        names = [str(run) for run in runs]
    records = [_record(name, Workdir(run)) for name, run in zip(names, runs, strict=True)]
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, page(records).encode())


def _record(name: str, workdir: Workdir) -> RunRecord:
    config = workdir.read_config()
    if not workdir.results.is_file():
        raise CheckpointError(
            f"{workdir.path} is not finished (no results.json); resume its training"
        )
    figures = {file.stem: file.read_bytes() for file in sorted(workdir.figures.glob("*.png"))}
    probe = read_json(workdir.probe) if workdir.probe.is_file() else None
    return RunRecord(name, config, read_json(workdir.results), figures, probe)
