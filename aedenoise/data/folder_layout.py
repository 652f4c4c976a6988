"""Layout of a folder of images: its image files, and the folders that are its splits."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from aedenoise.data.foreign_files import FOREIGN_SUFFIXES, describe_foreign, is_hidden
from aedenoise.data.images import SUFFIXES
from aedenoise.data.user_source import printable
from aedenoise.errors import DataError

_SPLIT_NAMES = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "val": ("val", "valid", "validation"),
}
_ALL_SPLIT_NAMES = frozenset(name for names in _SPLIT_NAMES.values() for name in names)
_SHOWN = 3

Parts = tuple[str, ...]


@dataclass
class Found:
    """Image files below a folder.

    Attributes:
      files: parts of their paths relative to it, sorted.
      folders: names of the folders directly in it.
      hidden: number of hidden folders, which are left out.
      repeated: links to folders that are read anyway, or that contain the folder itself.
      unreadable: folders that cannot be listed and links to nothing, with the reason.
      foreign: files in formats of cameras and phones, which are left out.
    """

    files: list[Parts] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    hidden: int = 0
    repeated: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """Returns a line for everything that was left out."""
        lines = []
        if self.hidden:
            lines.append(f"left out {self.hidden:,} hidden folders")
        if self.repeated:
            lines.append(f"left out links to folders that are read anyway: {_some(self.repeated)}")
        if self.unreadable:
            lines.append(
                f"skipped {len(self.unreadable):,} folders or links that cannot be read: "
                f"{_some(self.unreadable)}"
            )
        if self.foreign:
            lines.append(describe_foreign(sorted(self.foreign)))
        return lines


@dataclass(frozen=True)
class Splits:
    """Folders that are splits.

    Attributes:
      train, test: names of folders; None where the files are divided by their names.
      notes: a line for everything that a user may not expect.
    """

    train: str | None = None
    test: str | None = None
    notes: tuple[str, ...] = ()


def find_images(place: Path) -> Found:
    """Lists the image files in a folder and its subfolders, each real folder once.

    Links to folders are followed, after all real folders.

    Raises:
      DataError: if the folder itself cannot be listed.
    """
    found = Found()
    own = os.path.realpath(place)
    seen: set[tuple[int, int]] = set()
    pending: list[Parts] = [()]
    links: list[Parts] = []
    while pending or links:
        parts = pending.pop() if pending else links.pop(0)
        folder = place.joinpath(*parts)
        try:
            stat = folder.stat()
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            if not parts:
                raise DataError(f"{place} cannot be read: {error.strerror}") from error
            found.unreadable.append(f"{_text(parts)} ({error.strerror})")
            continue
        # A link to a folder around this one would bring in everything there.
        around = os.path.commonpath([own, os.path.realpath(folder)]) == os.path.realpath(folder)
        if (stat.st_dev, stat.st_ino) in seen or (parts and around):
            found.repeated.append(_text(parts))
            continue
        seen.add((stat.st_dev, stat.st_ino))
        for entry in entries:
            _note(found, entry, (*parts, entry.name), pending, links)
    found.files.sort(key="/".join)
    found.folders.sort()
    return found


def _note(
    found: Found, entry: os.DirEntry[str], parts: Parts, pending: list[Parts], links: list[Parts]
) -> None:
    suffix = Path(entry.name).suffix.lower()
    hidden = is_hidden(entry.name)
    try:
        if entry.is_dir():
            found.hidden += hidden
            if not hidden:
                (links if entry.is_symlink() else pending).append(parts)
                found.folders += [entry.name] if len(parts) == 1 else []
        elif suffix in (*SUFFIXES, "") and not hidden:
            if entry.is_symlink() and not Path(entry).exists():
                found.unreadable.append(f"{_text(parts)} (a link to nothing)")
            elif suffix and entry.is_file():
                found.files.append(parts)
        elif suffix in FOREIGN_SUFFIXES and not hidden and entry.is_file():
            found.foreign.append(_text(parts))
    except OSError as error:  # a circle of links, or a folder that cannot be searched
        found.unreadable.append(f"{_text(parts)} ({error.strerror})")


def find_splits(place: Path, found: Found) -> Splits:
    """Finds the folders of training and test images by their names, in capitals or not.

    ``val`` is the test split where there is no ``test``. Where both splits are there, everything
    else is left out.

    Raises:
      DataError: if it is ambiguous which folder is a split.
    """
    named = {
        split: [name for name in found.folders if name.lower() in names]
        for split, names in _SPLIT_NAMES.items()
    }
    train, test = named["train"], named["test"] or named["val"]
    if train and test:
        for names in (train, test):
            if len(names) > 1:
                raise DataError(
                    f"{place} has {' and '.join(map(printable, names))}, which are one split; "
                    "rename one"
                )
        return Splits(train[0], test[0], (*_left_out(found.files, train[0], test[0]),
                                          *_deeper(found.files, place)))  # fmt: skip
    relatives = [name for name in found.folders if name.lower().startswith("train")]
    if train and len(relatives) > 1:
        raise DataError(
            f"{place} has {' and '.join(map(printable, relatives))}, but no test; pass "
            f"folder:{place / train[0]}, or name one of them test"
        )
    notes = []
    if train or test:
        missing = "test" if train else "train"
        notes.append(
            f"there is {printable((train or test)[0])} but no {missing}: all folders are classes, "
            "and a sixth of the images is for testing"
        )
    return Splits(notes=(*notes, *_deeper(found.files, place)))


def _left_out(files: list[Parts], train: str, test: str) -> list[str]:
    """Says which folders are the splits, and what is in neither."""
    lines = []
    if (train, test) != ("train", "test"):
        lines.append(f"{printable(train)} is for training, {printable(test)} for testing")
    counts: dict[str, int] = {}
    for parts in files:
        if parts[0] not in (train, test):
            name = f"{printable(parts[0])}/" if len(parts) > 1 else "files outside of folders"
            counts[name] = counts.get(name, 0) + 1
    if counts:
        listed = _some(f"{name} ({count:,})" for name, count in counts.items())
        lines.append(f"left out all but {printable(train)} and {printable(test)}: {listed}")
    return lines


def _deeper(files: list[Parts], place: Path) -> list[str]:
    """Says that folders called train or test further down are no splits."""
    names = {
        _text(parts[: i + 1])
        for parts in files
        for i in range(1, len(parts) - 1)
        if parts[i].lower() in _ALL_SPLIT_NAMES
    }
    if not names:
        return []
    return [f"{_some(sorted(names))} are no splits: these stand directly in {place}"]


def _text(parts: Parts) -> str:
    return printable("/".join(parts))


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (", …" if len(listed) > _SHOWN else "")
