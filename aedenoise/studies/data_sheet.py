"""``--mode=data``: facts about a dataset as text and a contact sheet. Needs no JAX."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from aedenoise.config import DataConfig
from aedenoise.config.options import RunOptions
from aedenoise.data.batch import evenly_spaced
from aedenoise.data.reading import SPLITS, Dataset, Split, load
from aedenoise.data.statistics import SIDES, describe
from aedenoise.errors import StorageError
from aedenoise.ops.images import pair
from aedenoise.reporting.console import say
from aedenoise.reporting.figures import contact_sheet

_COLUMNS = 24
_ROWS = 10
_SHOWN_CLASSES = 12
_SHOWN_NAMES = 5


def data_sheet(config: DataConfig, options: RunOptions, path: Path) -> Dataset:
    """Prepares a dataset, prints its facts and writes its contact sheet to ``path`` (PNG).

    Raises:
      StorageError: if the contact sheet cannot be written.
    """
    dataset = load(
        config,
        options.data_dir,
        say,
        manual_dir=options.manual_dir,
        memory_budget=options.memory_budget * 2**20,
    )
    dataset = _in_bytes(dataset)
    for line in _lines(dataset):
        say(line)
    rows, names = _examples(dataset)
    if dataset.paired:  # the noisy ones above the clean ones
        rows = [np.concatenate(pair(row), axis=1) for row in rows]
    title = f"{dataset.name}, training split; {dataset.digest[:12]}"
    try:
        contact_sheet(path, rows=rows, names=names, title=title)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}; name a --workdir") from error
    say(f"contact sheet: {path}")
    return dataset


def _in_bytes(dataset: Dataset) -> Dataset:
    """Rounds floats of noisy pictures to 8 bits, clipped, for statistics and pictures."""
    if dataset.train.images.dtype == np.uint8:
        return dataset
    train, test = (
        Split(np.rint(np.clip(split.images[:], 0.0, 1.0) * 255.0).astype(np.uint8), split.labels)
        for split in (dataset.train, dataset.test)
    )
    return replace(dataset, train=train, test=test)


def _lines(dataset: Dataset) -> list[str]:
    height, width, channels = dataset.image_shape
    kind = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
    kind += ", each noisy and clean" if dataset.paired else ""
    lines = [
        f"{dataset.name}: {len(dataset.train.images):,} training and "
        f"{len(dataset.test.images):,} test images, {height} x {width}, {kind}",
        f"digest {dataset.digest}",
    ]
    for split in SPLITS:
        lines += _split_lines(split, getattr(dataset, split), dataset.label_names)
    return lines + _fact_lines(dataset)


def _split_lines(name: str, split: Split, label_names: tuple[str, ...]) -> list[str]:
    found = describe(split.images)
    on_disk = "" if isinstance(split.images, np.ndarray) else "; read from disk as needed"
    touches = ", ".join(f"{side} {found[f'touches_{side}']:.1%}" for side in SIDES)
    lines = [
        f"{name}: pixel mean {found['mean']:.4f}, standard deviation {found['std']:.4f}, "
        f"{found['at_0']:.1%} at 0, {found['at_255']:.1%} at 255{on_disk}",
        f"{name}: ink touches {touches}",
    ]
    if label_names:
        counts = np.bincount(split.labels[split.labels >= 0], minlength=len(label_names))
        pairs = [f"{name} {count:,}" for name, count in zip(label_names, counts, strict=True)]
        more = len(pairs) - _SHOWN_CLASSES
        shown = "  ".join(pairs[:_SHOWN_CLASSES]) + (f"  … and {more} more" if more > 0 else "")
        lines.append(f"{name}: {shown}")
    return lines


def _fact_lines(dataset: Dataset) -> list[str]:
    facts = dataset.facts
    lines = []
    if "archive" in facts:
        known = {True: "the original's content", False: "other content than the original's"}
        lines.append(
            f"{facts['archive']}: {facts['readable']:,} readable images, "
            f"{known.get(facts['is_original'], 'content')} {facts['content']}"
        )
    if facts.get("unreadable"):
        names = facts["unreadable"]
        more = ", …" if len(names) > _SHOWN_NAMES else ""
        lines.append(f"{len(names):,} unreadable: {', '.join(names[:_SHOWN_NAMES])}{more}")
    if facts.get("left_out_of_test"):
        lines.append(
            f"{facts['left_out_of_test']:,} test images removed: a training image has the same "
            "pixels"
        )
    lines.append(
        f"duplicate images: {facts['repeated_in_train']:,} in the training split, "
        f"{facts['repeated_in_test']:,} in the test split, "
        f"{facts['test_also_in_train']:,} test images also in the training split"
    )
    if facts.get("label_errors"):
        lines.append(f"about {facts['label_errors']:.1%} of the labels are wrong (Bulatov 2011)")
    return lines


def _examples(dataset: Dataset) -> tuple[list[np.ndarray], list[str]]:
    """Returns training images in rows with their labels: a row per class if there are classes."""
    images, labels = dataset.train.images, dataset.train.labels
    if len(dataset.label_names) < 2:
        chosen = evenly_spaced(len(images), _COLUMNS * _ROWS)
        rows = [images[chosen[i : i + _COLUMNS]] for i in range(0, len(chosen), _COLUMNS)]
        return rows, [""] * len(rows)
    present = np.unique(labels)
    # At most 26 rows, so that the images stay legible.
    shown = present[evenly_spaced(len(present), 26)]
    own = [np.flatnonzero(labels == label) for label in shown]
    rows = [images[each[evenly_spaced(len(each), _COLUMNS)]] for each in own]
    return rows, [dataset.label_names[label] for label in shown]
