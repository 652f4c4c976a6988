"""Report of verdicts on denoised images: the table of what they find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aedenoise.metrics.statistics import wilson_interval

VERDICTS = ("", "dataset", "noise", "flagged if", "of flipped", "with the true class", "of others")


def verdict_rows(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Returns three rows for each network: two verdicts, and the classifier's probability.

    Args:
      records: ``class_maps`` in ``invented.json``.
    """
    rows: list[tuple[str, ...]] = []
    for record in records:
        verdicts = {
            f"another class within {record['share']:.2f} of the intervals": record["within_share"],
            "another class within the intervals": record["within_all"],
            f"probability at most {record['probability']:.4f}": record["by_probability"],
        }
        for name, counts in verdicts.items():
            flipped, others = record["flipped"], record["others"]
            rows.append(
                (
                    record["name"],
                    record["dataset"],
                    record["noise"],
                    name,
                    _share(counts["flipped"], flipped),
                    _share(counts["true_class"], flipped) if "true_class" in counts else "",
                    _share(counts["others"], others),
                )
            )
    return rows


def verdict_sentences(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns a line on the data and the maps of each network."""
    return [
        f"{each['name']}, {each['dataset']}, {each['noise']}: {each['flipped']:,} flipped and "
        f"{each['others']:,} other test images, verdict calibrated on {each['calibrated_on']:,} "
        f"flipped ones; {100 * each['coverage']:.1f} % of clean pixels inside their intervals; "
        f"{each['restored']['pixels']} pixels of the original undo "
        f"{_share(each['restored']['map'], each['flipped'])} of the flips where the map is "
        f"brightest, {_share(each['restored']['half_width'], each['flipped'])} where intervals "
        "are widest"
        for each in records
    ]


def _share(count: int, total: int) -> str:
    if not total:
        return "none"
    low, high = (f"{100 * value:.1f}" for value in wilson_interval(count, total))
    return f"{100 * count / total:.1f} % [{low}, {high}]"
