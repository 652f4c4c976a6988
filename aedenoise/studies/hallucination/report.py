"""Report of label flips: the content of ``invented.json`` and its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aedenoise.evaluation.classifier import TrainedClassifier
from aedenoise.metrics.label_flips import CONFIDENT, LabelFlips
from aedenoise.metrics.statistics import paired_shares, wilson_interval
from aedenoise.studies.hallucination.verdict_report import (
    VERDICTS,
    verdict_rows,
    verdict_sentences,
)

NOISY = "noisy input"


@dataclass(frozen=True)
class Outcome:
    """Result of one network, or of the noisy input, for one noise.

    Attributes:
      name: name of the network.
      steps: training steps; None for the noisy input.
      psnr: PSNR in dB.
      flips: label flips.
      condition: ``dataset``, ``noise`` and ``level``.
    """

    name: str
    steps: int | None
    psnr: float
    flips: LabelFlips
    condition: Mapping[str, Any]


def found_record(
    tested: Sequence[Outcome], classifiers: Mapping[str, TrainedClassifier]
) -> dict[str, Any]:
    """Returns the content of ``invented.json``.

    It holds the classifiers, a result for each of ``tested``, and the differences of networks to
    the first one with the same data and noise, paired by image.

    Args:
      tested: results; each needs at least one judged image.
      classifiers: classifiers by dataset.
    """
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for each in tested:
        if each.steps is not None:  # without the noisy input
            groups.setdefault((each.condition["dataset"], each.condition["noise"]), []).append(each)
    return {
        "confident_above": CONFIDENT,
        "classifiers": {name: _of_classifier(each) for name, each in classifiers.items()},
        "results": [_result(each, classifiers[each.condition["dataset"]].names) for each in tested],
        "differences": [
            _difference(group[0], other) for group in groups.values() for other in group[1:]
        ],
    }


def _of_classifier(classifier: TrainedClassifier) -> dict[str, Any]:
    trained = classifier.trained
    return {
        "accuracy": trained.correct / trained.tested,
        "interval": list(wilson_interval(trained.correct, trained.tested)),
        "correct": trained.correct,
        "tested": trained.tested,
        "steps": trained.steps,
        "seconds": trained.seconds,
    }


def _result(tested: Outcome, names: Sequence[str]) -> dict[str, Any]:
    flips = tested.flips
    images, changed = int(flips.judged.sum()), int(flips.flipped.sum())
    confident = int(flips.confident.sum())
    return {
        "name": tested.name,
        **tested.condition,
        "steps": tested.steps,
        "psnr": tested.psnr,
        "images": images,
        "changed": changed,
        "share": changed / images,
        "interval": list(wilson_interval(changed, images)),
        "confident": confident,
        "confident_share": confident / images,
        "confident_interval": list(wilson_interval(confident, images)),
        "confusions": {
            f"{names[before]} -> {names[after]}": count
            for before, after, count in flips.confusions()
        },
    }


def _difference(first: Outcome, second: Outcome) -> dict[str, Any]:
    # The same images for both: they depend on the classifier and the clean images alone.
    judged = first.flips.judged
    pairs = paired_shares(first.flips.flipped[judged], second.flips.flipped[judged])
    return {
        "first": first.name,
        "second": second.name,
        **first.condition,
        "only_first": pairs.only_first,
        "only_second": pairs.only_second,
        "difference": pairs.difference,
        "interval": [pairs.low, pairs.high],
        "p": pairs.p,
    }


def sentences(found: Mapping[str, Any]) -> list[str]:
    """Returns a line on the accuracy of each classifier."""
    return [
        f"classifier of {name}: {100 * each['accuracy']:.2f} % of {each['tested']:,} test images "
        f"right [{100 * each['interval'][0]:.2f}, {100 * each['interval'][1]:.2f}], "
        f"{each['steps']:,} steps"
        for name, each in found["classifiers"].items()
    ]


_HEADER = ("", "dataset", "noise", "PSNR dB", "changed", "confident", "more than the first")


def table_rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Returns the rows of the table by dataset and noise, the noisy input first."""
    apart = {(d["second"], d["dataset"], d["noise"]): d for d in found["differences"]}
    rows: list[tuple[str, ...]] = []
    results = found["results"]
    conditions = list(dict.fromkeys((r["dataset"], r["noise"]) for r in results))
    for condition in conditions:
        for result in results:
            if (result["dataset"], result["noise"]) != condition:
                continue
            other = apart.get((result["name"], *condition))
            rows.append(
                (
                    result["name"],
                    *condition,
                    f"{result['psnr']:.2f}",
                    _share(result["share"], result["interval"]),
                    _share(result["confident_share"], result["confident_interval"]),
                    ""
                    if other is None
                    else f"{_share(other['difference'], other['interval'], '+')}, "
                    f"{other['only_second']}:{other['only_first']}, p {other['p']:.2g}",
                )
            )
    return rows


def flips_table(found: Mapping[str, Any]) -> str:
    """Formats the results for the console."""
    lines = [*sentences(found), *_aligned([_HEADER, *table_rows(found)])]
    lines.append(
        f"changed: share of images classified correctly when clean; confident: probability above "
        f"{100 * found['confident_above']:.0f} %"
    )
    # Results of earlier versions have none.
    if records := found.get("class_maps"):
        lines += verdict_sentences(records)
        lines += _aligned([VERDICTS, *verdict_rows(records)])
    return "\n".join(lines)


def markdown(found: Mapping[str, Any]) -> str:
    """Formats the results as Markdown tables."""
    lines = [f"- {sentence}" for sentence in sentences(found)]
    lines += ["", *_table([_HEADER, *table_rows(found)])]
    if records := found.get("class_maps"):
        lines += ["", *(f"- {sentence}" for sentence in verdict_sentences(records))]
        lines += ["", *_table([VERDICTS, *verdict_rows(records)])]
    return "\n".join(lines) + "\n"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    header, *body = rows
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *body)]


def _share(share: float, interval: Sequence[float], sign: str = "") -> str:
    low, high = (f"{100 * value:{sign}.2f}" for value in interval)
    return f"{100 * share:{sign}.2f} % [{low}, {high}]"
