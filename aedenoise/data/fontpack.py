"""From drawn fonts to a packed dataset: which faces, which split, no image twice.

Everything follows from the fonts alone: the same folder gives the same bytes.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aedenoise.data.fonts import Font
from aedenoise.data.splits import is_test
from aedenoise.errors import UsageError
from aedenoise.files import write_atomically

# Faces whose letters differ by less, on average over pixels of 255, are one design under two
# names. Measured: different text faces of one weight differ by 20 and more.
CLONE_DIFFERENCE = 6.0
COLUMNS = ("font", "split", "group", "family", "style", "file", "licence", "sha256")


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
        families = len({row["family"] for row in self.manifest})
        return (
            f"{len(self.image)} images ({np.sum(split == 'train')} train, "
            f"{np.sum(split == 'test')} test) of {len(self.manifest)} faces, {families} families; "
            f"per class {np.bincount(self.label).tolist()}"
        )


def build_pack(fonts: Sequence[tuple[Font, np.ndarray]], *, faces_per_family: int) -> Pack:
    """Selects faces, groups near copies, splits by group, and removes duplicate images.

    Args:
      fonts: each font with its letters, uint8 ``[letters, size, size]``.
      faces_per_family: at most so many faces are taken, spread over width, weight and slope.
    """
    chosen = _choose(fonts, faces_per_family)
    groups = _groups(chosen)
    splits = ["test" if is_test(group) else "train" for group in groups]
    order = sorted(
        range(len(chosen)),
        key=lambda i: (splits[i] == "test", groups[i], chosen[i][0].family, chosen[i][0].sha256),
    )
    seen: set[bytes] = set()
    images, labels, rows = [], [], []
    manifest: list[dict[str, str]] = []
    for i in order:
        font, letters = chosen[i]
        new = []
        for k, image in enumerate(letters):
            if image.tobytes() not in seen:
                seen.add(image.tobytes())
                new.append(k)
        if not new:
            continue
        images += [letters[k] for k in new]
        labels += new
        rows += [len(manifest)] * len(new)
        manifest.append(
            {
                "font": str(len(manifest)),
                "split": splits[i],
                "group": groups[i],
                "family": font.family,
                "style": font.style,
                "file": str(font.path),
                "licence": font.licence,
                "sha256": font.sha256,
            }
        )
    return Pack(np.stack(images), np.array(labels, np.uint8), np.array(rows, np.uint16), manifest)


def write_pack(pack: Pack, out: Path, *, root: Path) -> None:
    """Writes ``out`` (npz: image, label, font) and the manifest beside it (tsv)."""
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    for row in pack.manifest:
        writer.writerow({**row, "file": Path(row["file"]).relative_to(root).as_posix()})
    arrays = io.BytesIO()
    np.savez_compressed(arrays, image=pack.image, label=pack.label, font=pack.font)
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


def _choose(fonts: Sequence[tuple[Font, np.ndarray]], faces: int) -> list[tuple[Font, np.ndarray]]:
    families: dict[str, list[tuple[Font, np.ndarray]]] = defaultdict(list)
    seen: set[str] = set()
    for font, letters in fonts:
        if font.sha256 not in seen:
            seen.add(font.sha256)
            families[font.family].append((font, letters))
    chosen = []
    for _, members in sorted(families.items()):
        members.sort(key=lambda m: (m[0].width, m[0].weight, m[0].italic, m[0].sha256))
        places = np.linspace(0, len(members) - 1, min(faces, len(members)))
        chosen += [members[round(place)] for place in places]
    return chosen


def _groups(fonts: Sequence[tuple[Font, np.ndarray]]) -> list[str]:
    """The name of each font's group: families joined wherever two faces are near copies."""
    parent = {font.family: font.family for font, _ in fonts}

    def root(family: str) -> str:
        while parent[family] != family:
            family = parent[family]
        return family

    letters = np.stack([images for _, images in fonts]).reshape(len(fonts), -1).astype(np.float32)
    for i in range(len(fonts)):
        difference = np.mean(np.abs(letters[i + 1 :] - letters[i]), axis=1)
        for j in (np.flatnonzero(difference < CLONE_DIFFERENCE) + i + 1).tolist():
            a, b = sorted((root(fonts[i][0].family), root(fonts[j][0].family)))
            parent[b] = a
    return [root(font.family) for font, _ in fonts]
