"""Counts of denoised pictures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from aedenoise.data.file_notes import Note
from aedenoise.errors import counted


@dataclass
class Tally:
    """Counts of pictures: pages count each, an animation counts as one.

    Attributes:
      files: number of files.
      images: number of pictures in them.
      kept: number of those kept as they are.
      used: number of those denoised by each packed network.
      notes: notes with the name of the picture.
    """

    files: int = 0
    images: int = 0
    kept: int = 0
    used: Counter[str] = field(default_factory=Counter)
    notes: list[tuple[str, Note]] = field(default_factory=list)

    def add(self, name: str, notes: list[Note], network: str | None, *, kept: bool) -> None:
        """Counts a picture.

        Args:
          name: of the picture, for its notes.
          notes: notes on it.
          network: name of the packed network, if it was one.
          kept: whether the picture was kept as it is.
        """
        self.images += 1
        self.kept += kept
        if network and not kept:
            self.used[network] += 1
        self.notes += [(name, note) for note in notes]

    def merge(self, other: Tally) -> None:
        """Adds the counts of other files."""
        self.files += other.files
        self.images += other.images
        self.kept += other.kept
        self.used += other.used
        self.notes += other.notes

    def describe(self) -> str:
        """Describes what was done to how many pictures."""
        better = self.images - self.kept
        made = f"{counted(better, 'image')} denoised{_by(self.used)}"
        made += f", {self.kept:,} kept" if self.kept else ""
        if self.images == self.files:
            return made
        return f"{made}, from {counted(self.files, 'file')}"


def _by(used: Counter[str]) -> str:
    """Names the packed networks that were used, with the numbers of pictures if several."""
    if len(used) < 2:
        return "".join(f" by the network for {name}" for name in used)
    return " by the networks for " + ", ".join(f"{name} ({n:,})" for name, n in used.items())
