"""Notes on image files: what they hold besides plain pixels, one line for each kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from aedenoise.data.pixels import Picture


class Note(NamedTuple):
    """Line about a picture: predicates for one of them, and for several."""

    one: str
    many: str


def describe_file(picture: Picture) -> list[Note]:
    """Returns notes on what the file holds besides the pixels that are denoised."""
    notes = []
    if picture.extent is not None:
        least, most = picture.extent
        rest = "0 is taken for black, 1 for white"
        if picture.floats != (0.0, 1.0):
            rest = "the lowest is taken for black, the highest for white"
        notes.append(
            Note(f"has floats from {least:.6g} to {most:.6g}: {rest}", f"have floats: {rest}")
        )
    if picture.guessed:
        notes.append(
            Note(
                f"uses {picture.bits} of 16 bits: {2**picture.bits - 1:,} is taken for white",
                "use fewer than 16 bits: the largest value of their depth is taken for white",
            )
        )
    if picture.reduced:
        rest = "16 bits per channel, of which 8 are kept (uncompressed TIFF keeps 16)"
        notes.append(Note(f"has {rest}", f"have {rest}"))
    return notes


def group(notes: Sequence[tuple[str, Note]], total: int) -> list[str]:
    """Returns one line per kind of note, with the number of pictures and the name of the first."""
    kinds: dict[str, list[tuple[str, Note]]] = {}
    for name, note in notes:
        kinds.setdefault(note.many, []).append((name, note))
    lines = []
    for many, those in kinds.items():
        name, note = those[0]
        if len(those) == 1:
            lines.append(f"{name} {note.one}")
        else:
            lines.append(f"{len(those):,} of {total:,} images {many}; the first is {name}")
    return lines
