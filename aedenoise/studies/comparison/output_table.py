"""Table of the measures of outputs: spectrum, shifts, attacks and label flips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aedenoise.config.study import ALL, display_name
from aedenoise.studies.comparison.formatting import difference_text
from aedenoise.studies.comparison.pairing import OF_OUTPUTS, compare, list_decoders
from aedenoise.studies.comparison.rows import Row

_SHARES = ("spectrum_accuracy", "label_flips")
_NOTHING = "-"
_HEAD = """\
The first row has the mean over seeds and conditions, the others the paired difference to it with
its 95 % interval, bold if clear. Power is that of the denoised by that of the clean images, 0 dB if
equal. An accuracy of 0.5 means that the spectrum does not tell a denoised image from a clean one.
Between shifts: the denoised shifted image against the shifted denoised one. The attack changes the
noisy image by at most 8 of 255 grey levels. Label flips are a share of the images."""


def output_tables(
    rows: Sequence[Row], reference: str, budgets: Sequence[tuple[str, int]]
) -> list[str]:
    """Formats a heading and one Markdown table per budget.

    Args:
      rows: rows of all cells.
      reference: decoder that the others are compared with.
      budgets: pairs of match and number of training steps.

    Returns:
      Parts of a document; none if no row has such measures, as in results of earlier versions.
    """
    measured = [row for row in rows if any(row.get(name) is not None for name in OF_OUTPUTS)]
    made = [
        _table(measured, reference, budget)
        for budget in budgets
        if any((row["match"], row["steps"]) == budget for row in measured)
    ]
    return ["## Spectrum, shifts and attacks", _HEAD, *made] if made else []


def _table(rows: Sequence[Row], reference: str, budget: tuple[str, int]) -> str:
    mine = [row for row in rows if (row["match"], row["steps"]) == budget]
    conditions = {(row["dataset"], row["noise_level"]) for row in mine}
    differences = {
        (c.decoder, c.metric): c.difference
        for c in compare(rows, reference, OF_OUTPUTS)
        if (c.condition.match, c.condition.steps) == budget
        and (c.condition.dataset == ALL or len(conditions) == 1)
    }
    match, steps = budget
    head = [f"{steps:,} steps, equal {match.replace('_', '-')}", *OF_OUTPUTS.values()]
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    for decoder in dict.fromkeys((reference, *list_decoders(mine))):
        cells = [display_name(decoder)]
        for metric in OF_OUTPUTS:
            digits = 3 if metric in _SHARES else 2
            found = differences.get((decoder, metric))
            if found is not None:
                cells.append(difference_text(found, digits))
            else:
                level = _level(mine, reference, metric) if decoder == reference else None
                cells.append(_NOTHING if level is None else f"{level:.{digits}f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _level(rows: Sequence[Row], decoder: str, metric: str) -> float | None:
    values = [row[metric] for row in rows if row["decoder"] == decoder and metric in row]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
