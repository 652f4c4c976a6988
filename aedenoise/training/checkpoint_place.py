"""The folder of a run's checkpoints: in the workdir, or elsewhere as recorded there."""

from __future__ import annotations

from pathlib import Path

from aedenoise.config.validation import local_path
from aedenoise.errors import CheckpointError
from aedenoise.files import write_atomically
from aedenoise.training.workdir import Workdir


def find_checkpoints(workdir: Workdir, checkpoint_dir: str | None = None) -> Path | str:
    """Returns ``checkpoint_dir`` if given, else the recorded folder, else that in the workdir.

    Raises:
      CheckpointError: if the record cannot be read.
    """
    if checkpoint_dir:
        return checkpoint_dir
    if not workdir.place.is_file():
        return workdir.checkpoints
    try:
        recorded = workdir.place.read_text(encoding="utf-8").strip()
    except ValueError as error:
        raise CheckpointError(f"{workdir.place} is damaged; give --checkpoint_dir") from error
    return recorded if "://" in recorded else workdir.path / recorded


def record_checkpoints(workdir: Workdir, checkpoint_dir: str) -> None:
    """Records where the checkpoints of the run are, so that later commands find them."""
    place = checkpoint_dir
    if "://" not in place:
        here, there = workdir.path.resolve(), local_path("checkpoint_dir", place).resolve()
        # A folder inside the run moves with it.
        place = str(there.relative_to(here) if there.is_relative_to(here) else there)
    write_atomically(workdir.place, f"{place}\n".encode())
