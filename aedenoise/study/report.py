"""What a study says: tables and sentences, pure functions of its rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aedenoise.errors import CheckpointError
from aedenoise.study.design import Condition, display_name
from aedenoise.study.statistics import Difference, difference

Row = dict[str, Any]
# Columns that differences are formed of, with their names and units in tables.
METRICS = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "bce": "BCE, nats",
    "residual_excess_2": "excess at Nyquist, residual",
    "residual_excess_4": "excess at half of it, residual",
    "residual_polyphase_2": "polyphase 2, residual",
    "residual_polyphase_4": "polyphase 4, residual",
    "gradient_excess_2": "excess at Nyquist, gradient",
    "gradient_excess_4": "excess at half of it, gradient",
    "constant_spread_2": "spread 2, constant code",
    "constant_spread_4": "spread 4, constant code",
}
_HEADLINE = ("psnr", "residual_excess_2")
_TEXT = {"decoder", "dataset", "match", "features", "device", "dataset_digest"}
_WHOLE = {"steps", "seed", "parameters", "multiply_adds", "diverged_at", "at_step", "seeds"}


@dataclass(frozen=True)
class Comparison:
    """One decoder against the reference, in one condition, by one metric: decoder - reference."""

    condition: Condition
    decoder: str
    reference: str
    metric: str
    difference: Difference


def compare(
    rows: Sequence[Row], reference: str, metrics: Iterable[str] = METRICS
) -> list[Comparison]:
    """Every decoder against the reference, seed by seed, where both have the seed and neither
    diverged. The correction counts the comparisons of one metric."""
    groups = by_condition(rows)
    pairs = [
        (condition, decoder)
        for condition, group in groups.items()
        for decoder in decoders_of(group)
        if decoder != reference
    ]
    found = []
    for metric in metrics:
        samples = [
            (condition, decoder, paired(groups[condition], decoder, reference, metric))
            for condition, decoder in pairs
        ]
        comparisons = sum(1 for *_, values in samples if values)
        found += [
            Comparison(condition, decoder, reference, metric, difference(values, comparisons))
            for condition, decoder, values in samples
            if values
        ]
    return found


def paired(rows: Sequence[Row], decoder: str, reference: str, metric: str) -> list[float]:
    """``decoder - reference`` of each seed that both have."""
    values = {(row["decoder"], row["seed"]): row[metric] for row in rows}
    seeds = sorted(seed for name, seed in values if name == reference)
    return [
        values[decoder, seed] - values[reference, seed]
        for seed in seeds
        if values.get((decoder, seed)) is not None and values[reference, seed] is not None
    ]


def by_condition(rows: Sequence[Row]) -> dict[Condition, list[Row]]:
    """The rows of each condition, in the order of their first."""
    groups: dict[Condition, list[Row]] = {}
    for row in rows:
        condition = Condition(row["dataset"], row["noise_level"], row["match"], row["steps"])
        groups.setdefault(condition, []).append(row)
    return groups


def decoders_of(rows: Sequence[Row]) -> list[str]:
    """The decoders in ``rows``, in the order of their first."""
    return list(dict.fromkeys(row["decoder"] for row in rows))


def sentence(comparison: Comparison) -> str:
    """What a comparison of PSNR says in words."""
    c, d = comparison.condition, comparison.difference
    better, worse = comparison.decoder, comparison.reference
    mean, low, high = d.mean, d.corrected_low, d.corrected_high
    if mean < 0.0:
        better, worse, mean = worse, better, -mean
        low, high = (None, None) if low is None or high is None else (-high, -low)
    where = (
        f"{d.seeds} seed{'s' * (d.seeds != 1)}, {c.dataset}, noise {c.noise_level:g}, "
        f"{c.steps:,} steps, {_equal(c.match)}"
    )
    names = (display_name(better), display_name(worse))
    if low is None or high is None:
        return f"{names[0]} is ahead of {names[1]} by {mean:.2f} dB in one seed; {where}"
    interval = f"{mean:.2f} dB [{low:.2f}, {high:.2f}]"
    if d.is_clear:
        return f"{names[0]} is better than {names[1]} by {interval}; {where}"
    return f"{names[0]} is not clearly better than {names[1]}: {interval}; {where}"


def _equal(match: str) -> str:
    words = {
        "parameters": "equal parameters",
        "multiply_adds": "equal multiply-adds",
        "latency": "equal latency",
    }
    return words.get(match, "equal widths")


def tables(rows: Sequence[Row], reference: str) -> str:
    """The study in Markdown: a table for each condition, the sentences, what was left out."""
    comparisons = {
        (c.condition, c.decoder, c.metric): c for c in compare(rows, reference, _HEADLINE)
    }
    parts = [_HEAD]
    for condition, group in by_condition(rows).items():
        parts += [f"## {title(condition)}", _table(condition, group, comparisons)]
    spoken = [f"- {sentence(c)}." for c in comparisons.values() if c.metric == "psnr"]
    parts += ["## In words", "\n".join(spoken) or "Nothing to compare yet."]
    left_out = [
        f"- {display_name(row['decoder'])}, seed {row['seed']}, {title(_condition(row))}: "
        f"training diverged by step {row['diverged_at']}"
        for row in rows
        if row["diverged_at"] is not None
    ]
    parts += ["## Left out", "\n".join(left_out) or "No cell diverged."]
    return "\n\n".join(parts) + "\n"


_HEAD = (
    "Mean over seeds, standard deviation behind ±. Differences are to the decoder in the first row"
    "\nof the same seeds: mean and 95 % interval by paired bootstrap, then the interval corrected "
    "for\nthe number of comparisons in this file. Excess is the residual's power at Nyquist's "
    "frequency\nover that around it, less one: 0 is no checkerboard."
)


def _table(
    condition: Condition,
    rows: Sequence[Row],
    comparisons: dict[tuple[Condition, str, str], Comparison],
) -> str:
    header = (
        "decoder | widths | parameters | multiply-adds | seeds | PSNR, dB | difference, dB | "
        "corrected | excess | difference | corrected"
    )
    lines = [f"| {header} |", "|" + " --- |" * (header.count("|") + 1)]
    for decoder in decoders_of(rows):
        mine = [row for row in rows if row["decoder"] == decoder]
        good = [row for row in mine if row["diverged_at"] is None]
        cells = [
            display_name(decoder),
            mine[0]["features"].replace(" ", ", "),
            f"{mine[0]['parameters']:,}",
            f"{mine[0]['multiply_adds']:,}",
            f"{len(good)}" if len(good) == len(mine) else f"{len(good)} of {len(mine)}",
        ]
        for metric in _HEADLINE:
            digits = 2 if metric == "psnr" else 3
            cells.append(_mean([row[metric] for row in good], digits))
            found = comparisons.get((condition, decoder, metric))
            cells += ["", ""] if found is None else _intervals(found.difference, digits)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(values: Sequence[float], digits: int) -> str:
    if not values:
        return "none"
    spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{spread}"


def _intervals(d: Difference, digits: int) -> list[str]:
    def span(low: float | None, high: float | None) -> str:
        return "" if low is None or high is None else f"[{low:+.{digits}f}, {high:+.{digits}f}]"

    return [
        f"{d.mean:+.{digits}f} {span(d.low, d.high)}".strip(),
        span(d.corrected_low, d.corrected_high),
    ]


def title(condition: Condition) -> str:
    """A condition in words."""
    return (
        f"{condition.dataset}, noise {condition.noise_level:g}, {_equal(condition.match)}, "
        f"{condition.steps:,} steps"
    )


def _condition(row: Row) -> Condition:
    return Condition(row["dataset"], row["noise_level"], row["match"], row["steps"])


def differences_table(rows: Sequence[Row], reference: str) -> list[Row]:
    """Every comparison by every metric, as rows for a CSV."""
    return [
        {
            "decoder": c.decoder,
            "reference": c.reference,
            "dataset": c.condition.dataset,
            "noise_level": c.condition.noise_level,
            "match": c.condition.match,
            "steps": c.condition.steps,
            "metric": c.metric,
            "seeds": c.difference.seeds,
            "difference": c.difference.mean,
            "low": c.difference.low,
            "high": c.difference.high,
            "corrected_low": c.difference.corrected_low,
            "corrected_high": c.difference.corrected_high,
        }
        for c in compare(rows, reference)
    ]


def to_csv(rows: Sequence[Row]) -> str:
    """Rows as CSV: six significant digits, nothing where there is nothing."""
    buffer = io.StringIO()
    if rows:
        writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _field(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue()


def from_csv(text: str) -> list[Row]:
    """The inverse of ``to_csv``, but for the digits.

    Raises:
      CheckpointError: naming a line that is not of a study.
    """
    rows = []
    for number, fields in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        try:
            rows.append({name: _value(name, field) for name, field in fields.items()})
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"line {number} is not of a study's table: {error}") from error
    return rows


def _field(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else value


def _value(name: str, field: str) -> Any:
    if name in _TEXT or name == "metric" or name == "reference":
        return field
    if field == "":
        return None
    return int(field) if name in _WHOLE else float(field)
