"""Writes ``report.html``, at the end of every run and for ``--mode=report``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aedenoise.errors import CheckpointError, StorageError
from aedenoise.files import write_atomically
from aedenoise.reporting.html import is_page
from aedenoise.reporting.page import page
from aedenoise.reporting.run_record import RunRecord
from aedenoise.training.run_files import read_json, well_formed
from aedenoise.training.workdir import Workdir

# Written by ``export.page``; linked by a report in the same folder.
DENOISING_PAGE = "denoise.html"


def write_page(runs: Sequence[Path], target: Path) -> None:
    """Writes the page of one finished run, or of several side by side.

    Raises:
      CheckpointError: if a run is not finished.
      StorageError: if ``target`` exists and is not a report, or cannot be written.
    """
    # Only reports are overwritten: a mistyped --output must not cost a file of the user.
    try:
        if target.exists() and not (target.is_file() and is_page(target.read_bytes())):
            raise StorageError(f"{target} exists and is not a report; choose another --output")
        content = _content(
            runs, DENOISING_PAGE if (target.parent / DENOISING_PAGE).is_file() else ""
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, content)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}") from error


def _content(runs: Sequence[Path], denoising_page: str) -> bytes:
    names = [run.resolve().name for run in runs]
    # Runs of different folders can share a name; then whole paths tell them apart.
    if len(set(names)) < len(names):
        names = [str(run) for run in runs]
    records = []
    for name, run in zip(names, runs, strict=True):
        records.append(_record(name, Workdir(run)))
        # Each by itself first: an error of all together could not name the file.
        with well_formed(Workdir(run).results):
            content = page(records[-1:], denoising_page)
    return (content if len(runs) == 1 else page(records, denoising_page)).encode()


def _record(name: str, workdir: Workdir) -> RunRecord:
    config = workdir.read_config()
    if not workdir.owns(workdir.results):
        raise CheckpointError(
            f"{workdir.path} is not finished (no results.json); resume its training"
        )
    pictures = filter(workdir.owns, sorted(workdir.figures.glob("*.png")))
    figures = {file.stem: file.read_bytes() for file in pictures}
    probe = read_json(workdir.probe) if workdir.owns(workdir.probe) else None
    return RunRecord(name, config, read_json(workdir.results), figures, probe)
