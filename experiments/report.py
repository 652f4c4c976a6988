"""Writes the tables and figures of the committed studies anew, and what documents say of them.

python -m experiments.report
"""

from __future__ import annotations

from pathlib import Path

from aedenoise.config.study import ALL
from aedenoise.files import write_atomically
from aedenoise.studies.comparison import pairing, report
from aedenoise.studies.comparison.compare import write_report
from aedenoise.studies.comparison.folder import StudyFolder
from aedenoise.studies.comparison.rows import Row, from_csv

RESULTS = Path(__file__).parent / "results"
STUDIES = ("upsample_vs_transpose", "decoder_budget")
ANSWER = RESULTS / "upsample_vs_transpose" / "README.md"
BEGIN = "<!-- from experiments/results by python -m experiments.report -->\n"
END = "<!-- end -->\n"


def block() -> str:
    """The tables of the study, its differences over all conditions in words, and the table of the
    longest training."""
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


def _study(name: str) -> tuple[list[Row], str]:
    folder = StudyFolder(RESULTS / name)
    rows = from_csv(folder.table.read_text(encoding="utf-8"))
    return rows, folder.read()[0].decoders[0]


def documents() -> list[Path]:
    """The files that have the block."""
    return [Path(__file__).parent.parent / "README.md", ANSWER]


def with_block(document: str) -> str:
    """``document`` with the block between its marks written anew."""
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{block()}\n{END}{after}"


if __name__ == "__main__":
    for name in STUDIES:
        write_report(StudyFolder(RESULTS / name), quiet=True)
    for path in documents():
        write_atomically(path, with_block(path.read_text(encoding="utf-8")).encode())
