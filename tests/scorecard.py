"""The scorecard of reliability: what is asked, and the table of what was reached.

``python -m pytest -m scorecard --soak`` runs the long figures and writes the table; without
``--soak`` the same tests run shorter. ``guards.py`` shows that they can fail.
"""

from __future__ import annotations

import datetime
import platform
import re
from collections import defaultdict
from pathlib import Path

import jax
import pytest

# Number: (test, figure asked).
ENTRIES = {
    1: ("Exact resume after a stop at any step, jit and pmap", "10/10 bit-identical"),
    2: ("kill -9 at random instants, run again until done", "50/50 bit-identical, no clean-up"),
    3: ("Order of examples over run and resume", "200/200, each example once per epoch"),
    4: ("SIGTERM at random instants, then resume", "20/20 saved, exit 0, ≤ 10 s, bit-identical"),
    5: ("SIGTERM to one of two processes", "5/5 same step, both exit 0, ≤ 5 s"),
    6: ("Byte corruption of every file of a checkpoint", "0 silent of ≥ 200"),
    7: ("Disk full, folder read-only, workdir is a file", "7/7 one line, earlier checkpoint whole"),
    8: ("Saving while the state is donated", "100/100 equal to the snapshot"),
    9: ("1, 2, 4, 8 devices, 200 steps", "same noise bits, loss of a step ≤ 1e-6, of a run ≤ 1e-3"),
    10: ("jit against pmap, 4 devices, 200 steps", "same noise bits, loss ≤ 1e-6"),
    11: ("Two processes against one", "loss ≤ 1e-6, one writer"),
    12: ("Restore on another topology", "8/8 bit-identical"),
    13: ("Three fresh processes", "3/3 bit-identical"),
    14: ("Curves of 50 steps against stored ones", "relative ≤ 1e-4"),
    15: ("Non-finite loss, gradient or state", "10/10 stopped, named, nothing saved"),
    16: ("Loss spikes of ten times, and clean runs", "all reported; 0/20 false alarms"),
    17: ("A process dies, worker or coordinator", "4/4: survivor gone ≤ 15 s, then exact"),
    18: ("Wrong flags", "40/40 one line, exit 2, ≤ 2 s"),
    19: ("Data preparation killed, and several at once", "25/25, nothing left"),
    20: ("Bad sources of data", "100 % detected in one line"),
    21: ("Hostile archives, images and fonts", "0 escapes, 0 crashes"),
    22: ("Checkpoints that cannot be restored", "10/10 one line that names the first mismatch"),
    23: ("Checkpoints of earlier versions", "all restore bit-identical"),
    24: ("Soak: 10,000 steps, a checkpoint every 10", "memory < 5 %, no files, no folders left"),
    25: ("Foreign files: JSON, npz, pictures, damaged at random", "read or refused in one line"),
    26: ("Streams: closed, full, of another encoding", "0 internal errors"),
    27: ("Environment: warnings as errors, no home, odd variables", "every mode as elsewhere"),
    28: ("Leftovers of what is refused, stopped or killed", "0 files"),
    29: ("Figures in the headers of named experiments", "measured again within 0.15 dB"),
    30: ("Flags of any text", "0 internal errors"),
}

_outcomes: dict[int, list[str]] = defaultdict(list)
_figures: dict[int, list[str]] = defaultdict(list)


def note(report: pytest.TestReport) -> None:
    """Takes down one report."""
    if report.when != "call" and report.outcome == "passed":
        return
    for name, value in report.user_properties:
        if name == "scorecard test":
            _outcomes[value].append(report.outcome)
        elif name == "scorecard":
            _figures[value[0]].append(value[1])


def write_table(path: Path) -> None:
    """Writes what the session reached as a table in Markdown; rows that it did not try stay."""
    kept = table_rows(path)
    lines = [*_HEAD, "| | test | asked | passed | reached | date |", "| --- |" + " --- |" * 5]
    for number, (test, asked) in ENTRIES.items():
        outcomes = _outcomes[number]
        if outcomes:
            passed = f"{outcomes.count('passed')}/{len(outcomes)}"
            today = datetime.date.today().isoformat()
            figures = "; ".join(_figures[number])
            kept[number] = f"| {number} | {test} | {asked} | {passed} | {figures} | {today} |"
        lines.append(kept.get(number, f"| {number} | {test} | {asked} | not run | | |"))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def table_rows(path: Path) -> dict[int, str]:
    """The rows of a table, by their number."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {int(found[1]): line for line in lines if (found := re.match(r"\| (\d+) \|", line))}


_HEAD = (
    "# Reliability: the scorecard",
    "",
    "Written by `make soak`; `python -m pytest --soak -k NAME` writes the rows of some tests anew.",
    "*Passed* counts the tests of a row; *reached* is what they measured.",
    "[guards.md](guards.md) has what makes each of them fail.",
    "",
    f"{platform.machine()}, Python {platform.python_version()}, jax {jax.__version__}.",
    "",
)
