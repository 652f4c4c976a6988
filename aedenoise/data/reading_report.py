"""Report of reading a folder: files and pages that were skipped, with reasons, and notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aedenoise.data.file_notes import Note, group
from aedenoise.data.images import ANIMATED, UnreadableImageError
from aedenoise.data.page_reading import Pages
from aedenoise.data.user_source import printable
from aedenoise.errors import counted

# Files that are named in a line; more are counted.
_SHOWN = 3


@dataclass
class ReadingReport:
    """Collects, file by file, what the user is told at the end.

    Attributes:
      unreadable: names of files, and of pages of files, that were skipped.
      small: number of images with a side that is too small.
    """

    unreadable: list[str] = field(default_factory=list)
    small: int = 0
    _skipped: list[str] = field(default_factory=list)
    _notes: list[tuple[str, Note]] = field(default_factory=list)
    _animations: list[str] = field(default_factory=list)

    def add_failure(self, name: str, error: UnreadableImageError) -> None:
        """Adds a file that could not be read."""
        self.unreadable.append(printable(name))
        self._skipped.append(f"{printable(name)} {error}")

    def add(self, name: str, read: Pages[Any]) -> None:
        """Adds the pages of a file."""
        lost = [f"{printable(name)} page {page}" for page in read.unreadable]
        self.unreadable += lost
        self._skipped += lost
        self._notes += [(printable(name), note) for note in read.notes]
        if read.format in ANIMATED and read.pages > 1:
            self._animations.append(printable(name))

    def lines(self, size: int, files: int) -> list[str]:
        """Returns the report.

        Args:
          size: side in pixels below which images were skipped.
          files: number of files that were read.
        """
        lines = []
        if self._skipped:
            lines.append(f"skipped {counted(len(self._skipped), 'unreadable image')}: ")
            lines[-1] += _some(self._skipped)
        if self._animations:
            count = counted(len(self._animations), "animation")
            lines.append(f"took the first frame of {count}: {_some(self._animations)}")
        if self.small:
            count = counted(self.small, "image")
            lines.append(f"skipped {count} with a side below {size} pixels")
        return lines + group(self._notes, files)


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return "; ".join(names[:_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")
