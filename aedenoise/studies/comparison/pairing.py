"""Comparison of decoders paired by seed, as pure functions of a study's rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aedenoise.config.study import ALL, Condition
from aedenoise.metrics.image_quality import METRICS
from aedenoise.metrics.statistics import Difference, difference
from aedenoise.studies.comparison.rows import Row

# Columns of measures beyond quality and grids, with their titles.
OF_OUTPUTS = {
    "high_band_db": "power in the highest third, dB",
    "spectrum_deviation_db": "largest deviation of the spectrum, dB",
    "spectrum_accuracy": "accuracy of telling by spectrum",
    "shift_psnr": "PSNR between shifts, dB",
    "pgd_psnr": "PSNR under attack, dB",
    "pgd_drop_db": "drop under attack, dB",
    "label_flips": "label flips",
}
# Compared columns of cells with their titles.
COMPARED = {
    **{metric.name: metric.title for metric in METRICS if metric.compared},
    "residual_excess_2": "excess at Nyquist, residual",
    "residual_excess_4": "excess at half of it, residual",
    "residual_polyphase_2": "polyphase 2, residual",
    "residual_polyphase_4": "polyphase 4, residual",
    "gradient_excess_2": "excess at Nyquist, gradient",
    "gradient_excess_4": "excess at half of it, gradient",
    "constant_spread_2": "spread 2, constant code",
    "constant_spread_4": "spread 4, constant code",
    "untrained_spread_2": "spread 2, untrained",
    "untrained_spread_4": "spread 4, untrained",
    **OF_OUTPUTS,
}


@dataclass(frozen=True)
class Comparison:
    """Difference of a decoder to the reference in one condition and metric."""

    condition: Condition
    decoder: str
    reference: str
    metric: str
    difference: Difference


def compare(
    rows: Sequence[Row], reference: str, metrics: Iterable[str] = COMPARED
) -> list[Comparison]:
    """Compares every decoder with the reference, paired by seed.

    Only seeds with both decoders converged count. The last comparisons of each metric are means
    over all conditions of equal match and steps, for the seeds that all of them have. Intervals
    are corrected for the number of comparisons of one metric.
    """
    groups = by_condition(rows)
    found = []
    # Rows of earlier versions lack newer metrics.
    for metric in (name for name in metrics if any(name in row for row in rows)):
        samples: dict[tuple[Condition, str], dict[int, float]] = {
            (condition, decoder): paired(group, decoder, reference, metric)
            for condition, group in groups.items()
            for decoder in list_decoders(group)
            if decoder != reference
        }
        samples |= _over_conditions(samples)
        some = {key: values for key, values in samples.items() if values}
        found += [
            Comparison(
                condition, decoder, reference, metric, difference(list(values.values()), len(some))
            )
            for (condition, decoder), values in some.items()
        ]
    return found


def paired(rows: Sequence[Row], decoder: str, reference: str, metric: str) -> dict[int, float]:
    """Returns ``decoder - reference`` for each seed that both have."""
    values: dict[tuple[str, int], float] = {
        (row["decoder"], row["seed"]): row[metric] for row in rows if row.get(metric) is not None
    }
    seeds = sorted(seed for name, seed in values if name == reference)
    return {
        seed: values[decoder, seed] - values[reference, seed]
        for seed in seeds
        if (decoder, seed) in values
    }


def _over_conditions(
    samples: Mapping[tuple[Condition, str], dict[int, float]],
) -> dict[tuple[Condition, str], dict[int, float]]:
    """Computes the mean difference of each seed over two or more conditions."""
    members: dict[tuple[Condition, str], list[dict[int, float]]] = {}
    for (condition, decoder), values in samples.items():
        pool = Condition(ALL, None, condition.match, condition.steps)
        members.setdefault((pool, decoder), []).append(values)
    return {
        key: {
            seed: float(np.mean([values[seed] for values in each]))
            for seed in each[0]
            if all(seed in values for values in each)
        }
        for key, each in members.items()
        if len(each) > 1
    }


def by_condition(rows: Sequence[Row]) -> dict[Condition, list[Row]]:
    """Groups rows by condition, in order of first appearance."""
    groups: dict[Condition, list[Row]] = {}
    for row in rows:
        condition = Condition(row["dataset"], row["noise_level"], row["match"], row["steps"])
        groups.setdefault(condition, []).append(row)
    return groups


def list_decoders(rows: Sequence[Row]) -> list[str]:
    """Lists the decoders in ``rows``, in order of first appearance."""
    return list(dict.fromkeys(row["decoder"] for row in rows))


def differences_table(rows: Sequence[Row], reference: str) -> list[Row]:
    """Returns every comparison in every metric as rows for CSV."""
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
