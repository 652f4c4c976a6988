"""Folder of a comparison: finished cells and their results.

Several processes, on one machine or on machines that share the folder, can work in it at once. The
holder of a cell's lock trains the cell; a finished cell is a file that was renamed into place, or a
row of ``cells.csv``, which other machines have without the files.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from aedenoise.config.folders import RUN_FILE, STUDY_FILE
from aedenoise.config.study import Cell, Condition, Study
from aedenoise.config.study_growth import grow_study, study_difference
from aedenoise.errors import CheckpointError, StorageError
from aedenoise.files import exclusive_lock, lock_if_free, remove, write_atomically, write_json
from aedenoise.studies.comparison.rows import Row, to_csv
from aedenoise.studies.comparison.stored import (
    StoredCell,
    cell_key,
    cell_name,
    check_same_data,
    read_stored,
)
from aedenoise.studies.comparison.study_file import (
    Networks,
    parse_study_file,
    read_study_file,
    write_study_file,
)


class StudyFolder:
    """Paths and records of one study.

    Args:
      path: the folder, which ``claim`` creates.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.study = path / STUDY_FILE
        self.cells = path / "cells"
        self.pictures = path / "pictures"
        self.figures = path / "figures"
        self.table = path / "cells.csv"
        self.curves = path / "curves.csv"
        self.spectra = path / "spectra.csv"
        self._stored: dict[str, StoredCell] = {}
        self._stored_at: tuple[Any, ...] = ()
        self._files: dict[str, StoredCell] = {}

    def claim(self, study: Study, *, overwrite: bool) -> None:
        """Prepares the folder for ``study``; a study may grow by seeds and by values of its axes,
        see ``config.study_growth``.

        Raises:
          CheckpointError: if the folder holds another study that this one does not continue and
            ``overwrite`` is False, or something that is no study.
          StorageError: if the folder cannot be created or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with self.lock():
                self._claim(study, overwrite)
            self.cells.mkdir(exist_ok=True)
            self.pictures.mkdir(exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot write to {self.path}: {error.strerror}") from error

    def _claim(self, study: Study, overwrite: bool) -> None:
        if (self.path / RUN_FILE).exists():
            raise CheckpointError(f"{self.path} holds a training run; choose another --workdir")
        written = (self.cells, self.pictures, self.table, self.curves, self.spectra)
        if not self.study.is_file():
            other = next((path.name for path in written if path.exists()), None)
            if other:
                raise CheckpointError(
                    f"{self.path} has {other} but no {STUDY_FILE} of a comparison; choose another "
                    "--workdir"
                )
        elif overwrite:
            parse_study_file(self.study)
            # study.json last: until then the folder is known as a comparison's, and its cells
            # belong to the study that trained them.
            for path in (*written, self.study):
                remove(path)
            self._files.clear()
        if not self.study.is_file():
            write_study_file(self.study, study, None)
            return
        known, networks = self.read()
        if networks is None:  # nothing is trained yet, so any study may replace it
            write_study_file(self.study, study, None)
            return
        if difference := study_difference(known, study):
            raise CheckpointError(
                f"{self.path} holds another study: {difference}; choose another --workdir or add "
                "--overwrite"
            )
        if (grown := grow_study(known, study)) != known:
            write_study_file(self.study, grown, networks)

    def read(self) -> tuple[Study, Networks | None]:
        """Reads the study and its networks, which are None before they are matched.

        Raises:
          CheckpointError: if there is no study or it cannot be read.
        """
        if not self.study.is_file():
            raise CheckpointError(f"{self.path} holds no study (no {STUDY_FILE})")
        return read_study_file(self.study)

    def networks(self, solve: Callable[[Networks], Networks]) -> Networks:
        """Returns the networks of the study; ``solve`` adds those that the folder does not have."""
        # Under the lock: measured latencies vary, and all processes must use the same widths.
        with self.lock():
            study, known = self.read()
            networks = solve(known or {})
            if networks != known:
                write_study_file(self.study, study, networks)
        return networks

    def lock(self) -> AbstractContextManager[None]:
        """Holds the folder, after waiting for other processes."""
        return exclusive_lock(self.path / ".lock")

    def adopt(self, other: StudyFolder, decoders: Collection[str]) -> None:
        """Adds finished cells and networks of ``decoders`` from the folder of another study, which
        has the same conditions.

        Raises:
          CheckpointError: if a file cannot be read, or cells were trained on other data.
        """
        study, networks = other.read()
        theirs = {
            cell_name(cell.row): cell
            for cell in other.finished(study)
            if cell.row["decoder"] in decoders
        }
        with self.lock():
            own, known = self.read()
            merged = {match: dict(datasets) for match, datasets in (known or {}).items()}
            for match, datasets in (networks or {}).items():
                for dataset, found in datasets.items():
                    chosen = {name: found[name] for name in found if name in decoders}
                    mine = merged.setdefault(match, {}).get(dataset, {})
                    merged[match][dataset] = {**chosen, **mine}
            check_same_data(cell.row for cell in (*self.finished(own), *theirs.values()))
            # A cell that both have stays as it is here.
            self._stored = theirs | self._read_stored()
            self.write_tables()
            write_study_file(self.study, own, merged)

    def is_done(self, cell: Cell) -> bool:
        """Returns True if the cell is trained or has diverged."""
        return (self.cells / f"{cell.name}.json").is_file() or cell.name in self._read_stored()

    @contextmanager
    def taking(self, cells: Sequence[Cell]) -> Iterator[list[Cell]]:
        """Yields those of ``cells`` that are neither finished nor locked, and locks them."""
        with ExitStack() as stack:
            taken, locks = [], []
            for cell in cells:
                lock = self.cells / f".{cell.name}.lock"
                if self.is_done(cell):
                    continue
                # Checked again: the previous holder of the lock may have finished the cell.
                if stack.enter_context(lock_if_free(lock)) and not self.is_done(cell):
                    taken.append(cell)
                    locks.append(lock)
            yield taken
            # Unlinked while still held, and only once no other process needs the lock any more.
            for cell, lock in zip(taken, locks, strict=True):
                if self.is_done(cell):
                    lock.unlink(missing_ok=True)

    def record(
        self,
        cell: Cell,
        row: Row,
        curve: list[Row],
        pictures: Mapping[str, np.ndarray],
        spectrum: Sequence[Row] = (),
    ) -> None:
        """Writes the results of ``cell`` and thereby marks it as finished."""
        # Pictures first: the JSON file is the mark.
        if pictures:
            buffer = io.BytesIO()
            arrays: dict[str, Any] = dict(pictures)
            np.savez_compressed(buffer, **arrays)
            write_atomically(self.pictures / f"{cell.name}.npz", buffer.getvalue())
        content = {"row": row, "curve": curve, "spectrum": list(spectrum)}
        write_json(self.cells / f"{cell.name}.json", content, indent=1, allow_nan=False)

    def results(self, study: Study) -> tuple[list[Row], list[Row], list[Row]]:
        """Returns rows, curves and spectra of the finished cells; order and errors as
        ``finished``."""
        found = self.finished(study)
        return (
            [each.row for each in found],
            [point for each in found for point in each.curve],
            [point for each in found for point in each.spectrum],
        )

    def finished(self, study: Study) -> list[StoredCell]:
        """Returns the finished cells by condition, decoder and seed; then those of the tables that
        are not in the study.

        Raises:
          CheckpointError: if a file cannot be read.
        """
        conditions = {condition: place for place, condition in enumerate(study.conditions())}
        decoders = {decoder: place for place, decoder in enumerate(study.decoders)}
        stored = dict(self._read_stored())
        found = []
        for cell in sorted(
            study.cells(), key=lambda c: (conditions[c.condition], decoders[c.decoder], c.seed)
        ):
            # A file has all digits, a table six.
            row = stored.pop(cell.name, None)
            if (each := self._read_cell(cell) or row) is not None:
                found.append(each)
        return [*found, *stored.values()]

    def _read_cell(self, cell: Cell) -> StoredCell | None:
        path = self.cells / f"{cell.name}.json"
        # Files of finished cells never change.
        if cell.name not in self._files and path.is_file():
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                row, curve = content["row"], content["curve"]
                # Cells of earlier versions have no spectrum.
                spectrum = content.get("spectrum", [])
            except (ValueError, KeyError, TypeError) as error:
                raise CheckpointError(
                    f"{path} is damaged; remove it to train its cell again"
                ) from error
            key = cell_key(cell)
            self._files[cell.name] = StoredCell(
                key | row, [key | point for point in curve], [key | point for point in spectrum]
            )
        return self._files.get(cell.name)

    def _read_stored(self) -> dict[str, StoredCell]:
        # Read again only where another process, or a user, has changed the tables.
        if (at := self._tables_at()) != self._stored_at:
            self._stored = read_stored(self.table, self.curves, self.spectra)
            self._stored_at = at
        return self._stored

    def _tables_at(self) -> tuple[Any, ...]:
        tables = (self.table, self.curves, self.spectra)
        stats = [path.stat() if path.is_file() else None for path in tables]
        return tuple(each and (each.st_ino, each.st_mtime_ns, each.st_size) for each in stats)

    def digests(self) -> dict[str, str]:
        """Returns the digest of each dataset that finished cells were trained on."""
        rows = self.results(self.read()[0])[0]
        return {row["dataset"]: row["dataset_digest"] for row in rows if "dataset_digest" in row}

    def write_tables(self) -> None:
        """Writes ``cells.csv``, ``curves.csv`` and ``spectra.csv`` of all finished cells.

        Raises:
          CheckpointError: if there is no study, or a file cannot be read.
        """
        rows, curves, spectra = self.results(self.read()[0])
        if rows:
            # The table of cells last: what it names is there.
            if spectra:
                write_atomically(self.spectra, to_csv(spectra).encode())
            write_atomically(self.curves, to_csv(curves).encode())
            write_atomically(self.table, to_csv(rows).encode())
            # What is new in the tables is in files of this folder.
            self._stored_at = self._tables_at()

    def load_pictures(self, decoder: str, condition: Condition, seed: int) -> dict[str, Any] | None:
        """Returns the stored pictures of a cell, or None."""
        path = self.pictures / f"{Cell(decoder, condition, seed).name}.npz"
        if not path.is_file():
            return None
        with np.load(path) as arrays:
            return dict(arrays)
