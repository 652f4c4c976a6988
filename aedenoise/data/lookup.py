"""Construction of TFDS builders, and the folder in which the data of an archive are kept."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from aedenoise.config.validation import local_path
from aedenoise.data.archive import ARCHIVES
from aedenoise.data.download import file_digest
from aedenoise.errors import DataError, UsageError

_INFO = "dataset_info.json"
_ARCHIVES = "archives"


def data_root(data_dir: str | None) -> Path:
    """Returns the folder of prepared datasets: ``data_dir``, ``TFDS_DATA_DIR`` or TFDS's default.

    Raises:
      UsageError: if it is not a local path.
    """
    if data_dir:
        return local_path("--data_dir", data_dir)
    return local_path("TFDS_DATA_DIR", os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")


def manual_folder(manual_dir: str | None) -> Path | None:
    """Returns the folder of archives that the user downloaded, if one was given.

    Raises:
      UsageError: if it is not a local path.
      DataError: if it is not a folder, or cannot be read.
    """
    if manual_dir is None:
        return None
    folder = local_path("--manual_dir", manual_dir)
    try:
        with os.scandir(folder):
            pass
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"--manual_dir {folder} is not a folder") from error
    except OSError as error:
        raise DataError(f"--manual_dir {folder} cannot be read: {error.strerror}") from error
    return folder


def make_builder(name: str, root: Path, *, own: bool = False) -> Any:
    """Makes the TFDS builder of a dataset, with what is known of it from an earlier preparation.

    Args:
      name: name for TFDS.
      root: folder of prepared datasets.
      own: whether the builder is one of this package.

    Raises:
      UsageError: if TFDS does not know the name.
      DataError: if the metadata of the prepared dataset are damaged.
    """
    try:
        # Without TensorFlow, TFDS prints a banner at its first lookup.
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.nullcontext() if own else _swept_temporary_folder(),
        ):
            builder = tfds.builder(name, data_dir=str(root))
            # Read lazily: damage would show itself much later, and the temporary folder goes.
            read_metadata(builder)
    except tfds.core.DatasetNotFoundError as error:
        raise UsageError(f"TFDS knows no dataset {name!r}") from error
    except OSError:
        raise
    except Exception as error:  # TFDS raises many types for damaged files
        folder = root / name
        if any(folder.rglob(_INFO)):
            raise damaged_metadata(folder, error) from error
        if own:
            raise
        if isinstance(error, ValueError):
            raise UsageError(f"TFDS knows no dataset {name!r}") from error
        raise DataError(f"TFDS cannot load {name} ({type(error).__name__}: {error})") from error
    if builder.info.splits or not (Path(builder.data_path) / _INFO).exists():
        return builder
    raise damaged_metadata(Path(builder.data_path), "no splits")


def read_metadata(builder: Any) -> dict[str, Any]:
    """Returns the further facts that a dataset was prepared with."""
    metadata = builder.info.metadata
    # A dict that reads its file in ``items``: ``dict(metadata)`` and ``bool`` would find nothing.
    return dict(metadata.items()) if metadata is not None else {}


def damaged_metadata(folder: Path, reason: object) -> DataError:
    """Returns the error for prepared data that TFDS cannot read."""
    why = type(reason).__name__ if isinstance(reason, Exception) else reason
    return DataError(f"metadata in {folder} are damaged ({why}); remove that folder and run again")


def find_own_builder(name: str, root: Path, manual: Path | None) -> Any:
    """Makes the builder of ``mnist`` or ``notmnist``.

    Data of Bulatov's archives are kept apart by the archive's digest, except for those of the
    original, which have TFDS's usual folder. Data there of unknown origin, as version 0.1.0 left
    them, are used only if no archive is given. Where only one other archive has been prepared, it
    is used without being given again.

    Args:
      name: name for TFDS.
      root: folder of prepared datasets.
      manual: folder of archives, in place of TFDS's default ``root/downloads/manual``.

    Raises:
      DataError: if the archive cannot be read, or if the prepared data are damaged.
    """
    usual = make_builder(name, root, own=True)
    facts = ARCHIVES.get(name.removeprefix("notmnist/"))
    if facts is None:
        return usual
    path = (manual or root / "downloads" / "manual") / facts.file
    digest = _archive_digest(path)
    if digest is None:
        other = None if usual.info.splits else _only_other(root, name)
        return usual if other is None else make_builder(name, other, own=True)
    if not usual.info.splits:
        fits = digest == facts.sha256
    else:
        known = read_metadata(usual)
        if "archive_sha256" in known:
            fits = known["archive_sha256"] == digest
        else:
            fits = manual is None or (digest == facts.sha256 and known.get("is_original") is True)
    return usual if fits else make_builder(name, root / _ARCHIVES / digest[:16], own=True)


def _only_other(root: Path, name: str) -> Path | None:
    """Returns the folder of the one archive that was prepared, or None if there are several."""
    found = sorted((root / _ARCHIVES).glob(f"*/{name}/[0-9]*/{_INFO}"))
    return found[0].parents[3] if len(found) == 1 else None


def _archive_digest(path: Path) -> str | None:
    """Returns the SHA-256 of an archive, or None if there is none."""
    try:
        # A pipe would be waited for.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{path} is no file; put the archive there")
        return file_digest(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


@contextlib.contextmanager
def _swept_temporary_folder() -> Iterator[None]:
    """Gives TFDS a temporary folder that is removed: it leaves one for each builder it makes."""
    usual = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="aedenoise-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = usual
