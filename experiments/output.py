"""Decides where the scripts of this folder write: beside runs, or over the committed results."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

from aedenoise.errors import UsageError
from aedenoise.files import write_atomically

RESULTS = Path(__file__).parent / "results"


def add_update_flag(parser: argparse.ArgumentParser) -> None:
    """Adds ``--update``, without which no committed file is written."""
    parser.add_argument(
        "--update", action="store_true", help="write over the committed results, not beside runs"
    )


def results_folder(update: bool, beside: Path) -> Path:
    """Returns the folder to write to, and says which it is."""
    folder = RESULTS if update else beside
    print(f"results: {folder}" + ("" if update else " (the committed ones with --update)"))
    return folder


def write_results(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes files by name into a folder, which is created."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_atomically(folder / name, content)


def check_nothing_lost(committed: Iterable[object], found: Iterable[object]) -> None:
    """Raises where an update would drop rows that the committed results have.

    Raises:
      UsageError: names the rows that are missing.
    """
    missing = sorted(map(str, set(committed) - set(found)))
    if missing:
        raise UsageError(
            f"the committed results have rows that these runs have not: {', '.join(missing)}; "
            "train them too, or leave out --update"
        )
