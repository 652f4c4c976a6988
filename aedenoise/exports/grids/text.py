"""The diagnosis as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from aedenoise.exports.grids.findings import Diagnosis, Strength


def describe(diagnosis: Diagnosis) -> Iterator[str]:
    """Yields a table of the layers that enlarge, then cause and remedy of each grid."""
    if diagnosis.layers:
        yield f"{'grid':<34}  alone  at work: constant   noise  spectrum   layer"
    for each in diagnosis.layers:
        row = f"{each.layer.words:<34}{each.alone:>7.1%}{_numbers(each.at_work)}"
        yield f"{row}   {each.layer.name}"
    for (rows, columns), strength in diagnosis.periods.items():
        words = f"output, period {rows}" + (f"x{columns}" if columns != rows else "")
        yield f"{words:<34}{'':>7}{_numbers(strength)}"
    for each in diagnosis.culprits:
        yield f"{each.layer.name} makes a grid: {each.cause}"
        yield f"  remedy: {each.remedy}"
    yield _verdict(diagnosis)


def _verdict(diagnosis: Diagnosis) -> str:
    if diagnosis.cured is not None:
        return f"with equal sums the output has a grid of {diagnosis.cured:.1%}"
    if diagnosis.culprits:
        return "no change of weights cures it"
    if diagnosis.has_grid and diagnosis.layers:
        return "the output has a grid that no layer makes alone"
    if diagnosis.has_grid:
        return "the output has a grid; no layer that enlarges is known"
    if any(each.makes_a_grid for each in diagnosis.layers):
        return "the output has no grid: later layers remove it"
    return "the output has no grid"


def _numbers(strength: Strength) -> str:
    return f"{strength.constant:>19.1%}{strength.noise:>8.1%}{strength.spectrum:>10.1%}"
