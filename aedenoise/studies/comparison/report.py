"""Report of a study: tables and sentences, as pure functions of its rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aedenoise.config.study import ALL, Condition, display_name
from aedenoise.errors import counted
from aedenoise.studies.comparison.formatting import difference_text, interval_texts, mean_text
from aedenoise.studies.comparison.output_table import output_tables
from aedenoise.studies.comparison.pairing import (
    COMPARED,
    Comparison,
    by_condition,
    compare,
    list_decoders,
)
from aedenoise.studies.comparison.rows import Row

_GRIDS = {
    "untrained_spread_2": "response to a constant code, untrained",
    "constant_spread_2": "trained",
    "residual_excess_2": "excess of the residual at Nyquist",
}
# Metrics of the tables with their decimal places.
_DIGITS = {"psnr": 2, "residual_excess_2": 3, "constant_spread_2": 4}


def sentence(comparison: Comparison) -> str:
    """Returns a comparison of PSNR as a sentence."""
    c, d = comparison.condition, comparison.difference
    better, worse = comparison.decoder, comparison.reference
    # The corrected interval: sentences are read together, so one level holds for all of them.
    mean, low, high = d.mean, d.corrected_low, d.corrected_high
    if mean < 0.0:
        better, worse, mean = worse, better, -mean
        low, high = (None, None) if low is None or high is None else (-high, -low)
    where = f"{counted(d.seeds, 'seed')}, {c}"
    names = (display_name(better), display_name(worse))
    if low is None or high is None:
        return f"{names[0]} is ahead of {names[1]} by {mean:.2f} dB in one seed; {where}"
    interval = f"{mean:.2f} dB [{low:.2f}, {high:.2f}]"
    if d.is_clear:
        return f"{names[0]} is better than {names[1]} by {interval}; {where}"
    return f"{names[0]} is not clearly better than {names[1]}: {interval}; {where}"


def tables(rows: Sequence[Row], reference: str) -> str:
    """Formats the study in Markdown: a table per condition, sentences and diverged cells."""
    found = compare(rows, reference, _DIGITS)
    comparisons = {(c.condition, c.decoder, c.metric): c for c in found}
    parts = [_HEAD]
    if comparisons:
        for budget in budgets(rows):
            parts += [summary(rows, reference, budget), grids(rows, reference, budget)]
    for condition, group in by_condition(rows).items():
        parts += [f"## {condition}", _table(condition, group, comparisons)]
    pooled = [c for c in found if c.condition.dataset == ALL]
    if pooled:
        parts += ["## Mean over the conditions above", _pooled_table(pooled)]
    parts += output_tables(rows, reference, budgets(rows))
    spoken = [f"- {sentence(c)}." for c in comparisons.values() if c.metric == "psnr"]
    parts += ["## In words", "\n".join(spoken) or "Nothing to compare yet."]
    left_out = [
        f"- {display_name(row['decoder'])}, seed {row['seed']}, {_condition(row)}: "
        f"training diverged by step {row['diverged_at']}"
        for row in rows
        if row["diverged_at"] is not None
    ]
    parts += ["## Left out", "\n".join(left_out) or "No cell diverged."]
    return "\n\n".join(parts) + "\n"


def budgets(rows: Sequence[Row]) -> list[tuple[str, int]]:
    """Lists the pairs of match and training steps in ``rows``."""
    return list(dict.fromkeys((row["match"], row["steps"]) for row in rows))


def summary(rows: Sequence[Row], reference: str, budget: tuple[str, int]) -> str:
    """Formats the PSNR differences to the reference as one Markdown table.

    One column per condition of ``budget``, with 95 % intervals; bold if clear after correction for
    all comparisons in ``rows``.

    Args:
      rows: rows of all cells.
      reference: decoder that the others are compared with.
      budget: match and number of training steps.
    """
    found = [
        c
        for c in compare(rows, reference, ["psnr"])
        if (c.condition.match, c.condition.steps) == budget
    ]
    conditions = list(dict.fromkeys(c.condition for c in found))
    level = _levels(rows, reference)
    titles = [str(condition).rsplit(", ", 2)[0] for condition in conditions]
    lines = [
        f"| {budget[1]:,} steps: PSNR, dB | {' | '.join(titles)} |",
        "| --- |" + " --- |" * len(conditions),
        f"| {display_name(reference)} | {' | '.join(level.get(c, '') for c in conditions)} |",
    ]
    for decoder in dict.fromkeys(c.decoder for c in found):
        mine = {c.condition: c.difference for c in found if c.decoder == decoder}
        cells = [difference_text(mine[c], _DIGITS["psnr"]) if c in mine else "" for c in conditions]
        lines.append(f"| {display_name(decoder)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def grids(rows: Sequence[Row], reference: str, budget: tuple[str, int]) -> str:
    """Formats the checkerboard metrics of each decoder as one Markdown table.

    Means over the conditions of ``budget``; bold if the difference to the reference is clear after
    correction for all comparisons in ``rows``.

    Args:
      rows: rows of all cells.
      reference: decoder that the others are compared with.
      budget: match and number of training steps.
    """
    mine = [
        row for row in rows if (row["match"], row["steps"]) == budget and row["diverged_at"] is None
    ]
    conditions = by_condition(mine)
    clear = {
        (c.decoder, c.metric)
        for c in compare(rows, reference, _GRIDS)
        if c.difference.is_clear
        and (c.condition.match, c.condition.steps) == budget
        and (c.condition.dataset == ALL or len(conditions) == 1)
    }
    head = [f"{budget[1]:,} steps: grid", *_GRIDS.values()]
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    for decoder in list_decoders(mine):
        cells = [display_name(decoder)]
        for metric in _GRIDS:
            value = np.mean([row[metric] for row in mine if row["decoder"] == decoder])
            text = f"{value:.{_DIGITS.get(metric, 4)}f}"
            cells.append(f"**{text}**" if (decoder, metric) in clear else text)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _levels(rows: Sequence[Row], reference: str) -> dict[Condition, str]:
    return {
        condition: mean_text([row["psnr"] for row in good], _DIGITS["psnr"])
        for condition, group in by_condition(rows).items()
        if (good := [r for r in group if r["decoder"] == reference and r["diverged_at"] is None])
    }


_HEAD = """\
Mean over seeds, standard deviation behind ±. Differences are to the decoder in the first row, of
the same seeds: mean and 95 % interval, by paired bootstrap or, below six seeds, by Student's t;
then the interval corrected for the number of comparisons of one measure in this file. In the first
tables bold is what is clear after this correction. Excess is the residual's power at Nyquist's
frequency over that around it, less one: 0 is no checkerboard. Spread is the strength of the grid in
the response to a constant code, in units of the [0, 1] range."""


def _table(
    condition: Condition,
    rows: Sequence[Row],
    comparisons: dict[tuple[Condition, str, str], Comparison],
) -> str:
    header = "decoder | widths | parameters | multiply-adds | seeds"
    header += "".join(f" | {COMPARED[metric]} | difference | corrected" for metric in _DIGITS)
    lines = [f"| {header} |", "|" + " --- |" * (header.count("|") + 1)]
    for decoder in list_decoders(rows):
        mine = [row for row in rows if row["decoder"] == decoder]
        good = [row for row in mine if row["diverged_at"] is None]
        cells = [
            display_name(decoder),
            mine[0]["features"].replace(" ", ", "),
            f"{mine[0]['parameters']:,}",
            f"{mine[0]['multiply_adds']:,}",
            f"{len(good)}" if len(good) == len(mine) else f"{len(good)} of {len(mine)}",
        ]
        for metric in _DIGITS:
            digits = _DIGITS[metric]
            cells.append(mean_text([row[metric] for row in good], digits))
            found = comparisons.get((condition, decoder, metric))
            cells += ["", ""] if found is None else interval_texts(found.difference, digits)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _pooled_table(comparisons: Sequence[Comparison]) -> str:
    header = "decoder | condition | measure | seeds | difference | corrected"
    lines = [f"| {header} |", "|" + " --- |" * (header.count("|") + 1)]
    for c in comparisons:
        cells = [display_name(c.decoder), str(c.condition), COMPARED[c.metric]]
        cells += [str(c.difference.seeds), *interval_texts(c.difference, _DIGITS[c.metric])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _condition(row: Row) -> Condition:
    return Condition(row["dataset"], row["noise_level"], row["match"], row["steps"])
