"""From drawn fonts to a packed dataset: which faces, which split, no image twice.

Everything follows from the fonts alone: the same folder gives the same bytes.
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
from aedenoise.errors import UsageError
from aedenoise.files import write_atomically

# Faces whose letters differ by less, on average over pixels of 255, are one design under two
# names. Measured: different text faces of one weight differ by 20 and more.
CLONE_DIFFERENCE = 6.0
# Letters of a first word that tells a design: not "a", "tt" or "3d".
_TELLING = 4
COLUMNS = ("font", "split", "group", "family", "style", "kind", "file", "licence", "sha256")


@dataclass(frozen=True)
class Pack:
    """A packed dataset, ordered by (split, font, letter).

    Attributes:
      image: uint8 ``[N, size, size]``.
      label: uint8 ``[N]``, the letter's place.
      font: uint16 ``[N]``, a row of ``manifest``.
      manifest: one row a font, with the keys ``COLUMNS``; ``file`` is still a full path.
    """

    image: np.ndarray
    label: np.ndarray
    font: np.ndarray
    manifest: list[dict[str, str]]

    def summary(self) -> str:
        """Counts in one line."""
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
      fonts: each font with its letters, uint8 ``[letters, size, size]``.
      faces_per_family: at most so many faces are taken, spread over width, weight and slope.
      display_faces: at most so many of one display design (None: as of a family), for sources in
        which such fonts abound.
      balance: keep, in each split, as many images of every letter as there are of the rarest.
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
    """bool ``[fonts, letters]``: the first of every picture."""
    seen: set[bytes] = set()
    kept = np.zeros((len(fonts), len(fonts[0])), bool)
    for i, letters in enumerate(fonts):
        for k, image in enumerate(letters):
            picture = image.tobytes()
            kept[i, k] = picture not in seen
            seen.add(picture)
    return kept


def _balanced(kept: np.ndarray, digests: Sequence[str]) -> np.ndarray:
    """``kept`` with as many rows of every letter as of the rarest; which, the digests decide."""
    fewest = int(kept.sum(axis=0).min()) if len(kept) else 0
    balanced = np.zeros_like(kept)
    for k in range(kept.shape[1]):
        rows = np.flatnonzero(kept[:, k]).tolist()
        rows.sort(key=lambda i: hashlib.sha256(f"{digests[i]} {k}".encode()).digest())
        balanced[rows[:fewest], k] = True
    return balanced


def write_pack(pack: Pack, out: Path, *, root: Path, letters: str) -> None:
    """Writes ``out`` (an npz that ``--dataset=npz:`` reads: image, label, font, test,
    label_names) and the manifest beside it (tsv)."""
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
    """Facts about fonts by the name of their folder, for ``fonts.read_font``.

    Raises:
      UsageError: if the file cannot be read or lacks a column.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return {row["folder"]: row for row in rows}
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise UsageError(f"--facts {path} cannot be read: {error}") from error


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
    """The first word of a family's name, if it is long enough to tell a design."""
    word = re.match(r"\W*(\w+)", family)
    return word[1] if word and len(word[1]) >= _TELLING else None


def _groups(fonts: Sequence[tuple[Font, np.ndarray]]) -> list[str]:
    """The name of each font's group: families joined where two faces are near copies, or where
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
