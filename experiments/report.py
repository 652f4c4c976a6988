"""Regenerates the tables and figures of the committed studies, and the blocks that quote them.

python -m experiments.report

A document marks a generated block by one of ``BLOCKS`` above it and ``END`` below it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from aedenoise.config.study import ALL
from aedenoise.files import write_atomically
from aedenoise.studies.comparison import pairing, report
from aedenoise.studies.comparison.compare import write_report
from aedenoise.studies.comparison.folder import StudyFolder
from aedenoise.studies.comparison.rows import Row, from_csv
from experiments.leaderboard import PAGE, standing_block

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
# At the learning rate of each decoder.
OWN_RATES = ("own_rates", "own_rates_noise", "own_rates_mnist")
STUDIES = ("upsample_vs_transpose", "decoder_budget", "skips", *OWN_RATES)
# The files with generated blocks.
DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "docs" / "answer.md",
    ROOT / "docs" / "decoders.md",
    RESULTS / "upsample_vs_transpose" / "README.md",
    PAGE,
)
END = "<!-- end -->\n"


def full_block() -> str:
    """Returns the main study in tables and in words, and the table of the longest training."""
    rows, reference = _study("upsample_vs_transpose")
    budget = report.budgets(rows)[0]
    pooled = [
        comparison
        for comparison in pairing.compare(rows, reference, ["psnr"])
        if comparison.condition.dataset == ALL
    ]
    spoken = "\n".join(f"- {report.sentence(comparison)}." for comparison in pooled)
    longer, _ = _study("decoder_budget")
    parts = [
        report.summary(rows, reference, budget),
        spoken,
        report.summary(longer, reference, report.budgets(longer)[-1]),
        report.grids(rows, reference, budget),
    ]
    return "\n\n".join(parts) + "\n"


def brief_block() -> str:
    """Returns one table: each decoder's mean differences in PSNR, and its grids."""
    rows, reference = _study("upsample_vs_transpose")
    longer, _ = _study("decoder_budget")
    short, long = report.budgets(rows)[0], report.budgets(longer)[-1]
    after_short = _cells(report.summary(rows, reference, short))
    after_long = _cells(report.summary(longer, reference, long))
    grids = _cells(report.grids(rows, reference, short))
    lines = [
        f"| decoder | PSNR after {short[1]:,} steps, dB | after {long[1]:,} steps, dB "
        "| grid before training | after |",
        "| --- |" + " --- |" * 4,
    ]
    for decoder, (untrained, trained, _) in grids.items():
        # The reference has no difference to itself.
        first, second = (found[decoder][-1] or "reference" for found in (after_short, after_long))
        lines.append(f"| {decoder} | {first} | {second} | {untrained} | {trained} |")
    return "\n".join(lines) + "\n"


def summary_block(name: str) -> str:
    """Returns the PSNR of a study of one length as a table."""
    rows, reference = _study(name)
    return report.summary(rows, reference, report.budgets(rows)[0]) + "\n"


def rates_block() -> str:
    """Returns the studies at own learning rates in a table; the first in words, and its grids."""
    rows, reference = _study(OWN_RATES[0])
    spoken = [f"- {report.sentence(each)}." for each in pairing.compare(rows, reference, ["psnr"])]
    grids = report.grids(rows, reference, report.budgets(rows)[0])
    return "\n\n".join([_side_by_side(OWN_RATES), "\n".join(spoken), grids]) + "\n"


def _side_by_side(names: Sequence[str]) -> str:
    """Returns the PSNR of several studies and its mean, a row for each decoder of any rate."""
    columns: list[str] = []
    found: dict[str, dict[str, str]] = {}
    joined: list[Row] = []
    for name in names:
        rows, reference = _study(name)
        joined += [row | {"decoder": row["decoder"].partition(":lr")[0]} for row in rows]
        table = report.summary(rows, reference, report.budgets(rows)[0])
        titles = [cell.strip() for cell in table.splitlines()[0].split("|")[2:-1]]
        kept = [place for place, title in enumerate(titles) if title != ALL]
        columns += [titles[place] for place in kept]
        cells = _cells(table)
        plain = Counter(decoder.partition(" lr")[0] for decoder in cells)
        for decoder, row in cells.items():
            short = decoder.partition(" lr")[0]
            # A decoder at two rates has two rows.
            mine = found.setdefault(short if plain[short] == 1 else decoder, {})
            mine |= {titles[place]: row[place] for place in kept}
    # Intervals of the mean are corrected for all comparisons of this table.
    reference = joined[0]["decoder"]
    together = report.summary(joined, reference, report.budgets(joined)[0])
    for decoder, means in _cells(together).items():
        found[decoder][ALL] = means[-1]
    columns.append(ALL)
    lines = [f"| PSNR, dB | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    lines += [
        f"| {decoder} | {' | '.join(row.get(title, '') for title in columns)} |"
        for decoder, row in found.items()
    ]
    return "\n".join(lines)


def _cells(table: str) -> dict[str, list[str]]:
    """Returns the cells of a Markdown table by the first cell of each row, without the header."""
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in table.strip().splitlines()[2:]
    ]
    return {first: rest for first, *rest in rows}


def _study(name: str) -> tuple[list[Row], str]:
    folder = StudyFolder(RESULTS / name)
    rows = from_csv(folder.table.read_text(encoding="utf-8"))
    return rows, folder.read()[0].decoders[0]


BLOCKS: dict[str, Callable[[], str]] = {
    "<!-- from experiments/results by python -m experiments.report -->\n": full_block,
    "<!-- in brief, from experiments/results by python -m experiments.report -->\n": brief_block,
    "<!-- skips, from experiments/results by python -m experiments.report -->\n": partial(
        summary_block, "skips"
    ),
    "<!-- own rates, from experiments/results by python -m experiments.report -->\n": rates_block,
    "<!-- standings, by python -m experiments.leaderboard --update -->\n": standing_block,
}


def with_blocks(document: str) -> str:
    """Returns ``document`` with every marked block written anew."""
    for begin, block in BLOCKS.items():
        if begin in document:
            before, rest = document.split(begin)
            _, after = rest.split(END, 1)
            document = f"{before}{begin}\n{block()}\n{END}{after}"
    return document


if __name__ == "__main__":
    for name in STUDIES:
        write_report(StudyFolder(RESULTS / name), quiet=True)
    for path in DOCUMENTS:
        write_atomically(path, with_blocks(path.read_text(encoding="utf-8")).encode())
