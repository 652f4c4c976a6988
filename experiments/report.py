"""Regenerates the tables and figures of the committed studies, and the blocks that quote them.

python -m experiments.report

A document marks a generated block by one of ``BLOCKS`` above it and ``END`` below it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from aedenoise.config.study import ALL
from aedenoise.files import write_atomically
from aedenoise.studies.comparison import pairing, report
from aedenoise.studies.comparison.compare import write_report
from aedenoise.studies.comparison.folder import StudyFolder
from experiments import answer
from experiments.answer import RESULTS, read_study
from experiments.leaderboard import PAGE, standing_block

ROOT = Path(__file__).parent.parent
STUDIES = ("upsample_vs_transpose", "decoder_budget", "skips", *answer.OWN_RATES)
FIGURE = ROOT / "docs" / "answer.png"
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
    rows, reference = read_study("upsample_vs_transpose")
    budget = report.budgets(rows)[0]
    pooled = [
        comparison
        for comparison in pairing.compare(rows, reference, ["psnr"])
        if comparison.condition.dataset == ALL
    ]
    spoken = "\n".join(f"- {report.sentence(comparison)}." for comparison in pooled)
    longer, _ = read_study("decoder_budget")
    parts = [
        report.summary(rows, reference, budget),
        spoken,
        report.summary(longer, reference, report.budgets(longer)[-1]),
        report.grids(rows, reference, budget),
    ]
    return "\n\n".join(parts) + "\n"


def summary_block(name: str) -> str:
    """Returns the PSNR of a study of one length as a table."""
    rows, reference = read_study(name)
    return report.summary(rows, reference, report.budgets(rows)[0]) + "\n"


def _begin(name: str = "") -> str:
    return f"<!-- {name}from experiments/results by python -m experiments.report -->\n"


BLOCKS: dict[str, Callable[[], str]] = {
    _begin(): full_block,
    _begin("in brief, "): answer.brief_block,
    _begin("skips, "): partial(summary_block, "skips"),
    _begin("own rates, "): answer.table_block,
    _begin("grids, "): answer.grids_block,
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
    answer.draw(FIGURE)
    for path in DOCUMENTS:
        write_atomically(path, with_blocks(path.read_text(encoding="utf-8")).encode())
