"""The folder of a comparison: which cells are done, and what came of them.

Several processes, on one machine or on several that share the folder, can work in it at once: a
cell belongs to who holds its lock, and a cell that is done is a file that was renamed into place.
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
"""By match, by dataset, by decoder."""


class StudyFolder:
    """Paths and records of one study."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.study = path / "study.json"
        self.cells = path / "cells"
        self.pictures = path / "pictures"
        self.figures = path / "figures"
        self.table = path / "cells.csv"
        self.curves = path / "curves.csv"

    def claim(self, study: Study, *, overwrite: bool) -> None:
        """Makes the folder ready for ``study``; more seeds of the study that it holds are welcome.

        Raises:
          CheckpointError: if it holds something else, and ``overwrite`` is not set.
          StorageError: if it cannot be made or written.
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
        if overwrite:
            for path in (self.study, self.cells, self.pictures, self.table, self.curves):
                remove(path)
        if (self.path / "config.json").exists():
            raise CheckpointError(f"{self.path} holds a training run; choose another --workdir")
        if not self.study.is_file():
            if self.cells.exists() or self.table.exists():
                raise CheckpointError(
                    f"{self.path} has cells but no study.json; choose another --workdir, or start "
                    "anew with --overwrite"
                )
            self._write(study, None)
            return
        known, networks = self.read()
        if networks is None:  # nothing has been trained yet
            self._write(study, None)
            return
        difference = study_difference(dataclasses.replace(known, seeds=study.seeds), study)
        if difference:
            raise CheckpointError(
                f"{self.path} holds another study: {difference}; choose another --workdir, or "
                "start anew with --overwrite"
            )
        if study.seeds > known.seeds:
            self._write(study, networks)

    def read(self) -> tuple[Study, Networks | None]:
        """The study, and the networks that it compares, once they are known.

        Raises:
          CheckpointError: if there is none, or it cannot be read.
        """
        if not self.study.is_file():
            raise CheckpointError(f"{self.path} holds no study (no study.json)")
        try:
            content = json.loads(self.study.read_text(encoding="utf-8"))
            version, study, networks = content["format"], content["study"], content["networks"]
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{self.study} is damaged ({type(error).__name__})") from error
        if version != FORMAT:
            raise CheckpointError(f"{self.study} has format {version}, this version reads {FORMAT}")
        return study_from_dict(study), None if networks is None else _networks(networks)

    def networks(self, solve: Any) -> Networks:
        """The networks of the study: those in the folder, or those ``solve()`` finds, which all
        later processes then use."""
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
        """Whether the cell has been trained, or diverged."""
        return (self.cells / f"{cell.name}.json").is_file()

    @contextmanager
    def taking(self, cells: Sequence[Cell]) -> Iterator[list[Cell]]:
        """Those of ``cells`` that nobody has done and nobody else is doing, while entered."""
        with ExitStack() as stack:
            taken, locks = [], []
            for cell in cells:
                lock = self.cells / f".{cell.name}.lock"
                if self.is_done(cell):
                    continue
                # Who had the lock before may have finished the cell.
                if stack.enter_context(lock_if_free(lock)) and not self.is_done(cell):
                    taken.append(cell)
                    locks.append(lock)
            yield taken
            for cell, lock in zip(taken, locks, strict=True):
                if self.is_done(cell):
                    lock.unlink(missing_ok=True)

    def record(
        self, cell: Cell, row: Row, curve: list[Row], pictures: Mapping[str, np.ndarray]
    ) -> None:
        """Writes what came of ``cell``; only then is it done."""
        if pictures:
            buffer = io.BytesIO()
            arrays: dict[str, Any] = dict(pictures)
            np.savez_compressed(buffer, **arrays)
            write_atomically(self.pictures / f"{cell.name}.npz", buffer.getvalue())
        content = {"row": row, "curve": curve}
        write_json(self.cells / f"{cell.name}.json", content, indent=1, allow_nan=False)

    def results(self, study: Study) -> tuple[list[Row], list[Row]]:
        """Rows and curves of the cells that are done, by condition, decoder and seed.

        Raises:
          CheckpointError: naming a file that cannot be read.
        """
        rows, curves = [], []
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
            except (ValueError, KeyError, TypeError) as error:
                raise CheckpointError(
                    f"{path} is damaged; remove it, and its cell is trained again"
                ) from error
            rows.append(cell_key(cell) | row)
            curves += [cell_key(cell) | point for point in curve]
        return rows, curves

    def load_pictures(self, decoder: str, condition: Condition, seed: int) -> dict[str, Any] | None:
        """What was drawn of a cell, if it was."""
        path = self.pictures / f"{Cell(decoder, condition, seed).name}.npz"
        if not path.is_file():
            return None
        with np.load(path) as arrays:
            return dict(arrays)


def cell_key(cell: Cell) -> Row:
    """The columns that say which cell a row is of."""
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
