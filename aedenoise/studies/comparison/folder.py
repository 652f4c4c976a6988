"""Folder of a comparison: finished cells and their results.

Several processes, on one machine or on machines that share the folder, can work in it at once. The
holder of a cell's lock trains the cell; a finished cell is a file that was renamed into place.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from aedenoise.config.folders import RUN_FILE, STUDY_FILE
from aedenoise.config.study import (
    Cell,
    Condition,
    Study,
    study_difference,
    study_from_dict,
    study_to_dict,
)
from aedenoise.errors import CheckpointError, StorageError
from aedenoise.files import exclusive_lock, lock_if_free, remove, write_atomically, write_json
from aedenoise.studies.comparison.matching import Network
from aedenoise.studies.comparison.rows import Row

FORMAT = 1
Networks = dict[str, dict[str, dict[str, Network]]]
"""Networks by match, dataset and decoder."""


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

    def claim(self, study: Study, *, overwrite: bool) -> None:
        """Prepares the folder for ``study``; the same study may be extended by more seeds.

        Raises:
          CheckpointError: if the folder holds another study and ``overwrite`` is False, or
            something that is no study.
          StorageError: if the folder cannot be created or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with exclusive_lock(self.path / ".lock"):
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
            self._parse()
            # study.json last: until then the folder is known as a comparison's, and its cells
            # belong to the study that trained them.
            for path in (*written, self.study):
                remove(path)
        if not self.study.is_file():
            self._write(study, None)
            return
        known, networks = self.read()
        if networks is None:  # nothing is trained yet, so any study may replace it
            self._write(study, None)
            return
        # Seeds are ignored: cells of different seeds do not depend on each other.
        difference = study_difference(dataclasses.replace(known, seeds=study.seeds), study)
        if difference:
            raise CheckpointError(
                f"{self.path} holds another study: {difference}; choose another --workdir or add "
                "--overwrite"
            )
        if study.seeds > known.seeds:
            self._write(study, networks)

    def read(self) -> tuple[Study, Networks | None]:
        """Reads the study and its networks, which are None before they are matched.

        Raises:
          CheckpointError: if there is no study or it cannot be read.
        """
        if not self.study.is_file():
            raise CheckpointError(f"{self.path} holds no study (no {STUDY_FILE})")
        version, study, networks = self._parse()
        if version != FORMAT:
            raise CheckpointError(f"{self.study} has format {version}, this version reads {FORMAT}")
        known = study_from_dict(study)
        try:
            return known, None if networks is None else _networks(networks)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{self.study} is damaged ({type(error).__name__})") from error

    def _parse(self) -> tuple[Any, Any, Any]:
        """Returns format, study and networks as they are in the file.

        Raises:
          CheckpointError: if it is damaged, or of another program.
        """
        try:
            content = json.loads(self.study.read_text(encoding="utf-8"))
            return content["format"], content["study"], content["networks"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CheckpointError(
                f"{self.study} is damaged ({type(error).__name__}); choose another --workdir"
            ) from error

    def networks(self, solve: Any) -> Networks:
        """Returns the networks in the folder, or stores and returns those of ``solve()``."""
        # Under the lock: measured latencies vary, and all processes must use the same widths.
        with exclusive_lock(self.path / ".lock"):
            study, networks = self.read()
            if networks is None:
                networks = solve()
                self._write(study, networks)
        return networks

    def _write(self, study: Study, networks: Networks | None) -> None:
        content = {
            "format": FORMAT,
            "study": study_to_dict(study),
            "networks": networks and _plain(networks),
        }
        write_json(self.study, content, indent=1, allow_nan=False)

    def is_done(self, cell: Cell) -> bool:
        """Returns True if the cell is trained or has diverged."""
        return (self.cells / f"{cell.name}.json").is_file()

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
        """Returns rows, curves and spectra of the finished cells, by condition, decoder and seed.

        Raises:
          CheckpointError: if a file cannot be read.
        """
        rows, curves, spectra = [], [], []
        conditions, decoders = list(study.conditions()), study.decoders
        for cell in sorted(
            study.cells(),
            key=lambda c: (conditions.index(c.condition), decoders.index(c.decoder), c.seed),
        ):
            path = self.cells / f"{cell.name}.json"
            if not path.is_file():
                continue
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                row, curve = content["row"], content["curve"]
                # Cells of earlier versions have no spectrum.
                spectrum = content.get("spectrum", [])
            except (ValueError, KeyError, TypeError) as error:
                raise CheckpointError(
                    f"{path} is damaged; remove it to train its cell again"
                ) from error
            rows.append(cell_key(cell) | row)
            curves += [cell_key(cell) | point for point in curve]
            spectra += [cell_key(cell) | point for point in spectrum]
        return rows, curves, spectra

    def load_pictures(self, decoder: str, condition: Condition, seed: int) -> dict[str, Any] | None:
        """Returns the stored pictures of a cell, or None."""
        path = self.pictures / f"{Cell(decoder, condition, seed).name}.npz"
        if not path.is_file():
            return None
        with np.load(path) as arrays:
            return dict(arrays)


def cell_key(cell: Cell) -> Row:
    """Returns the columns that identify the cell of a row."""
    return {
        "decoder": cell.decoder,
        "dataset": cell.condition.dataset,
        "noise_level": cell.condition.noise_level,
        "match": cell.condition.match,
        "steps": cell.condition.steps,
        "seed": cell.seed,
    }


def _plain(networks: Networks) -> Any:
    return {
        match: {
            dataset: {decoder: dataclasses.asdict(found) for decoder, found in decoders.items()}
            for dataset, decoders in datasets.items()
        }
        for match, datasets in networks.items()
    }


def _networks(plain: Any) -> Networks:
    return {
        match: {
            dataset: {
                decoder: Network(**{**values, "features": tuple(values["features"])})
                for decoder, values in decoders.items()
            }
            for dataset, decoders in datasets.items()
        }
        for match, datasets in plain.items()
    }
