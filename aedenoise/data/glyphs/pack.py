"""Packing of rendered fonts into a dataset: choice of faces, splits, removal of duplicates.

Deterministic in the fonts: the same folder gives the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aedenoise.data.glyphs.fonts import Font
from aedenoise.data.splits import is_test
from aedenoise.errors import DataError
from aedenoise.files import write_atomically

# Faces whose letters differ by less, in mean absolute pixel values of 255, count as one design
# under two names. Measured: different text faces of one weight differ by 20 or more.
CLONE_DIFFERENCE = 6.0
# Minimum length of a first word that identifies a design: not "a", "tt" or "3d".
_TELLING = 4
COLUMNS = ("font", "split", "group", "family", "style", "kind", "file", "licence", "sha256")


@dataclass(frozen=True)
class Pack:
    """A packed dataset, ordered by (split, font, letter).

    Attributes:
      image: uint8 ``[N, size, size]``.
      label: uint8 ``[N]``, index of the letter.
      font: uint16 ``[N]``, row of ``manifest``.
      manifest: one row per font, with the keys ``COLUMNS``; ``file`` is a full path.
    """

    image: np.ndarray
    label: np.ndarray
    font: np.ndarray
    manifest: list[dict[str, str]]

    def summary(self) -> str:
        """Returns the counts in one line."""
        split = np.array([row["split"] for row in self.manifest])[self.font]
        families, groups = (len({row[k] for row in self.manifest}) for k in ("family", "group"))
        return (
            f"{len(self.image)} images ({np.sum(split == 'train')} train, "
            f"{np.sum(split == 'test')} test) of {len(self.manifest)} faces, {families} families, "
            f"{groups} designs; "
            f"per class {np.bincount(self.label).tolist()}"
        )


def build_pack(
    fonts: Sequence[tuple[Font, np.ndarray]],
    *,
    faces_per_family: int,
    display_faces: int | None = None,
    balance: bool = False,
) -> Pack:
    """Selects faces, groups near copies, splits by group, and removes duplicate images.

    Args:
      fonts: fonts with their letters, uint8 ``[letters, size, size]``.
      faces_per_family: maximum faces of a family, spread over width, weight and slope.
      display_faces: maximum faces of a display design (None: ``faces_per_family``), for sources
        with many display fonts.
      balance: whether to reduce, in each split, every letter to the count of the rarest.
    """
    chosen = _choose(fonts, faces_per_family, display_faces or faces_per_family)
    groups = _groups(chosen)
    test = [is_test(group) for group in groups]
    order = sorted(
        range(len(chosen)),
        key=lambda i: (test[i], groups[i], chosen[i][0].family, chosen[i][0].sha256),
    )
    kept = _without_repetitions([chosen[i][1] for i in order])
    if balance:
        for side in (False, True):
            rows = [k for k, i in enumerate(order) if test[i] == side]
            kept[rows] = _balanced(kept[rows], [chosen[order[k]][0].sha256 for k in rows])
    used = np.flatnonzero(kept.any(axis=1))
    row, label = np.nonzero(kept[used])
    manifest = [
        {
            "font": str(number),
            "split": "test" if test[i] else "train",
            "group": groups[i],
            "family": chosen[i][0].family,
            "style": chosen[i][0].style,
            "kind": chosen[i][0].kind,
            "file": str(chosen[i][0].path),
            "licence": chosen[i][0].licence,
            "sha256": chosen[i][0].sha256,
        }
        for number, i in enumerate(order[k] for k in used)
    ]
    letters = np.stack([chosen[order[k]][1] for k in used])
    return Pack(letters[row, label], label.astype(np.uint8), row.astype(np.uint16), manifest)


def _without_repetitions(fonts: Sequence[np.ndarray]) -> np.ndarray:
    """Marks the first occurrence of every image: bool ``[fonts, letters]``."""
    seen: set[bytes] = set()
    kept = np.zeros((len(fonts), len(fonts[0])), bool)
    for i, letters in enumerate(fonts):
        for k, image in enumerate(letters):
            picture = image.tobytes()
            kept[i, k] = picture not in seen
            seen.add(picture)
    return kept


def _balanced(kept: np.ndarray, digests: Sequence[str]) -> np.ndarray:
    """Reduces ``kept`` to equally many rows for every letter, chosen by the digests of the fonts,
    not by their order, which would favour the first families."""
    fewest = int(kept.sum(axis=0).min()) if len(kept) else 0
    balanced = np.zeros_like(kept)
    for k in range(kept.shape[1]):
        rows = np.flatnonzero(kept[:, k]).tolist()
        rows.sort(key=lambda i: hashlib.sha256(f"{digests[i]} {k}".encode()).digest())
        balanced[rows[:fewest], k] = True
    return balanced


def write_pack(pack: Pack, out: Path, *, root: Path, letters: str) -> None:
    """Writes ``out`` (npz for ``--dataset=npz:``, with image, label, font, test, label_names) and
    the manifest (tsv) in the same folder."""
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    for row in pack.manifest:
        writer.writerow({**row, "file": Path(row["file"]).relative_to(root).as_posix()})
    arrays = io.BytesIO()
    np.savez_compressed(
        arrays,
        image=pack.image,
        label=pack.label,
        font=pack.font,
        test=np.array([row["split"] == "test" for row in pack.manifest])[pack.font],
        label_names=np.array(list(letters)),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out.with_suffix(".tsv"), table.getvalue().encode())
    write_atomically(out, arrays.getvalue())


def read_facts(path: Path) -> dict[str, dict[str, str]]:
    """Reads facts about fonts by the name of their folder, for ``fonts.read_font``.

    Raises:
      DataError: if the file cannot be read or lacks a column.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return {row["folder"]: row for row in rows}
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise DataError(f"--facts {path} cannot be read: {error}") from error


def _choose(
    fonts: Sequence[tuple[Font, np.ndarray]], faces: int, display_faces: int
) -> list[tuple[Font, np.ndarray]]:
    families: dict[str, list[tuple[Font, np.ndarray]]] = defaultdict(list)
    seen: set[str] = set()
    for font, letters in fonts:
        if font.sha256 not in seen:
            seen.add(font.sha256)
            word = _telling_word(font.family)
            alone = font.kind != "display" or word is None
            families[font.family if alone else f"{font.path.parent} {word}"].append((font, letters))
    chosen = []
    for _, members in sorted(families.items()):
        members.sort(key=lambda m: (m[0].width, m[0].weight, m[0].italic, m[0].sha256))
        most = display_faces if members[0][0].kind == "display" else faces
        places = np.linspace(0, len(members) - 1, min(most, len(members)))
        chosen += [members[round(place)] for place in places]
    return chosen


def _telling_word(family: str) -> str | None:
    """Returns the first word of a family's name if it is long enough to identify a design."""
    word = re.match(r"\W*(\w+)", family)
    return word[1] if word and len(word[1]) >= _TELLING else None


def _groups(fonts: Sequence[tuple[Font, np.ndarray]]) -> list[str]:
    """Returns the name of each font's group. Joins families if two faces are near copies, or if
    two names in one folder begin with the same word (variants of one design)."""
    parent = {font.family: font.family for font, _ in fonts}

    def root(family: str) -> str:
        while parent[family] != family:
            family = parent[family]
        return family

    def join(one: str, other: str) -> None:
        a, b = sorted((root(one), root(other)))
        parent[b] = a

    first: dict[tuple[Path, str], str] = {}
    for font, _ in fonts:
        if word := _telling_word(font.family):
            join(first.setdefault((font.path.parent, word), font.family), font.family)
    letters = np.stack([images for _, images in fonts]).reshape(len(fonts), -1).astype(np.float32)
    for i in range(len(fonts)):
        difference = np.mean(np.abs(letters[i + 1 :] - letters[i]), axis=1)
        for j in (np.flatnonzero(difference < CLONE_DIFFERENCE) + i + 1).tolist():
            join(fonts[i][0].family, fonts[j][0].family)
    return [root(font.family) for font, _ in fonts]
