"""Tables and figure of the answer, from the studies at each decoder's own learning rate.

``python -m experiments.report`` puts them into the documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aedenoise.config.study import ALL, Condition
from aedenoise.reporting.study_figures import Interval, Line, lines_figure
from aedenoise.studies.comparison import pairing, report
from aedenoise.studies.comparison.folder import StudyFolder
from aedenoise.studies.comparison.formatting import difference_text, mean_text
from aedenoise.studies.comparison.pairing import Comparison
from aedenoise.studies.comparison.rows import Row, from_csv

RESULTS = Path(__file__).parent / "results"
OWN_RATES = (
    "own_rates_noise",
    "own_rates",
    "own_rates_mnist",
    "own_rates_long_noise",
    "own_rates_long",
)
# Those of the longest training; the first has the noise level of most studies.
LONG = ("own_rates_long", "own_rates_long_noise")
LEVEL = 0.4


def read_study(name: str) -> tuple[list[Row], str]:
    """Returns the rows of a committed study, and its reference."""
    folder = StudyFolder(RESULTS / name)
    rows = from_csv(folder.table.read_text(encoding="utf-8"))
    return rows, folder.read()[0].decoders[0]


def table_block() -> str:
    """Returns the PSNR of every decoder in every condition."""
    found = _comparisons()
    return "\n".join(_table(found, _conditions(found))) + "\n"


def brief_block() -> str:
    """Returns the PSNR at one noise level, and the grids, of the decoders that were trained
    longest."""
    found = _comparisons()
    head, rule, *body = _table(found, [c for c in _conditions(found) if c.noise_level == LEVEL])
    lines = [f"{head} grid before training | after |", f"{rule} --- | --- |"]
    for decoder, (untrained, trained, _) in _grids(LONG[0]).items():
        own = next(row for row in body if row.startswith(f"| {decoder} |"))
        lines.append(f"{own} {untrained} | {trained} |")
    return "\n".join(lines) + "\n"


def grids_block() -> str:
    """Returns the grids of the decoders that were trained longest, at each noise level."""
    titles = ["response to a constant code, untrained"]
    found: dict[str, list[str]] = {}
    for name in LONG:
        level = read_study(name)[0][0]["noise_level"]
        titles += [f"{title}, noise {level:g}" for title in ("trained", "excess of the residual")]
        for decoder, (untrained, *cells) in _grids(name).items():
            found.setdefault(decoder, [untrained]).extend(cells)
    lines = [f"| grid | {' | '.join(titles)} |", "| --- |" + " --- |" * len(titles)]
    lines += [f"| {decoder} | {' | '.join(cells)} |" for decoder, cells in found.items()]
    return "\n".join(lines) + "\n"


def _grids(name: str) -> dict[str, list[str]]:
    """Returns the cells of a study's table of grids by decoder: the response to a constant code,
    untrained and trained, and the excess of the residual."""
    rows, reference = read_study(name)
    lines = report.grids(rows, reference, report.budgets(rows)[0]).splitlines()[2:]
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {_plain(decoder): cells for decoder, *cells in table}


def draw(path: Path) -> None:
    """Writes a PNG: differences in PSNR over noise and over the length of training, for the dataset
    and the decoders that were trained longest."""
    found = _comparisons()
    steps = sorted({c.condition.steps for c in found})
    long = [c for c in found if c.condition.steps == steps[-1]]
    decoders = list(dict.fromkeys(_plain(c.decoder) for c in long))
    mine = [
        c
        for c in found
        if c.condition.dataset == long[0].condition.dataset and _plain(c.decoder) in decoders
    ]
    panels = {
        f"{count:,} steps, over the noise level": _panel(
            [c for c in mine if c.condition.steps == count], "noise_level"
        )
        for count in steps
        if len({c.condition.noise_level for c in mine if c.condition.steps == count}) > 1
    }
    panels[f"noise {LEVEL:g}, over the steps of training"] = _panel(
        [c for c in mine if c.condition.noise_level == LEVEL], "steps"
    )
    reference = _plain(mine[0].reference)
    lines_figure(
        path,
        panels,
        {reference: "0.5"} | {decoder: f"C{place}" for place, decoder in enumerate(decoders)},
        x_label="",
        y_label="dB",
        title=f"PSNR on letters minus that of {reference}, 95 % intervals",
    )


def _panel(comparisons: Sequence[Comparison], axis: str) -> dict[str, Line]:
    """Returns a line for each decoder over ``axis``, a field of ``Condition``."""
    found: dict[str, dict[float, Interval]] = {}
    for c in comparisons:
        d = c.difference
        own = found.setdefault(_plain(c.decoder), {})
        own[float(getattr(c.condition, axis))] = Interval(d.mean, d.low, d.high)
    places = sorted({place for own in found.values() for place in own})
    lines = {_plain(comparisons[0].reference): Line(places, [0.0] * len(places), joined=True)}
    for decoder, own in found.items():
        lines[decoder] = Line(sorted(own), [own[place] for place in sorted(own)], joined=True)
    return lines


def _comparisons() -> list[Comparison]:
    return [
        comparison
        for name in OWN_RATES
        for comparison in pairing.compare(*read_study(name), ["psnr"])
        if comparison.condition.dataset != ALL
    ]


def _conditions(comparisons: Sequence[Comparison]) -> list[Condition]:
    """Lists the conditions by length of training, dataset and noise."""
    found = dict.fromkeys(c.condition for c in comparisons)
    datasets = list(dict.fromkeys(c.dataset for c in found))
    return sorted(found, key=lambda c: (c.steps, datasets.index(c.dataset), c.noise_level or 0.0))


def _table(comparisons: Sequence[Comparison], conditions: Sequence[Condition]) -> list[str]:
    """Lists the lines of a table with a row for each decoder, whatever its rate."""
    titles = [str(condition).rsplit(", ", 1)[0] for condition in conditions]
    lines = [f"| PSNR, dB | {' | '.join(titles)} |", "| --- |" + " --- |" * len(titles)]
    levels = _levels()
    reference = _plain(comparisons[0].reference)
    lines.append(f"| {reference} | {' | '.join(levels[c] for c in conditions)} |")
    for decoder in dict.fromkeys(_plain(c.decoder) for c in comparisons):
        mine = {c.condition: c.difference for c in comparisons if _plain(c.decoder) == decoder}
        cells = [difference_text(mine[c], 2) if c in mine else "" for c in conditions]
        lines.append(f"| {decoder} | {' | '.join(cells)} |")
    return lines


def _levels() -> dict[Condition, str]:
    """Returns mean and standard deviation of the reference by condition."""
    found: dict[Condition, str] = {}
    for name in OWN_RATES:
        rows, reference = read_study(name)
        own = [row for row in rows if row["decoder"] == reference and row["diverged_at"] is None]
        for condition, group in pairing.by_condition(own).items():
            found[condition] = mean_text([row["psnr"] for row in group], 2)
    return found


def _plain(decoder: str) -> str:
    """Returns the name of a decoder for a table, without its learning rate."""
    return decoder.replace(":", " ").partition(" lr")[0]
