"""Runs the README's commands in their order, as a new user would, and times them.

python -m experiments.first_hour            # in a temporary folder; prints the table
python -m experiments.first_hour --update   # and writes experiments/results/first_hour.md

Commands that take longer than ten minutes are named in the table but not run; ``--all`` runs them.
The folder of prepared datasets is a new one, so that first uses are timed.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from experiments.output import RESULTS, add_update_flag, results_folder, write_results

ROOT = Path(__file__).parent.parent
TABLE = RESULTS / "first_hour.md"
_START = "python -m aedenoise.main"
# Words in the README's comments of commands that take longer.
_LONG = re.compile(r"\[.*(hour|minutes)\]")


def read_commands(page: str) -> list[tuple[str, bool]]:
    """Returns the commands in the ``bash`` blocks of a page, and whether each takes minutes."""
    found = []
    comment = ""
    for block in re.findall(r"```bash\n(.*?)```", page, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("#"):
                comment = line
            elif line.startswith(_START):
                found.append((" ".join(line.split()), bool(_LONG.search(comment))))
    return found


def run_command(line: str, folder: Path) -> tuple[int, float, str]:
    """Runs one command in ``folder``; returns its exit code, its seconds and its stderr."""
    words = [sys.executable, *shlex.split(line)[1:]]
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "TFDS_DATA_DIR": str(folder / "data"),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    begun = time.perf_counter()
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, time.perf_counter() - begun, done.stderr


def time_commands(folder: Path, everything: bool) -> tuple[str, bool]:
    """Returns the table in Markdown, and whether every command that ran succeeded."""
    shutil.copytree(ROOT / "docs", folder / "docs")
    lines, well = ["| command | worked | seconds |", "| --- | --- | --- |"], True
    for line, long in read_commands((ROOT / "README.md").read_text(encoding="utf-8")):
        short = line.removeprefix(_START).strip()
        if long and not everything:
            lines.append(f"| `{short}` | not run | |")
            continue
        code, seconds, said = run_command(line, folder)
        well = well and code == 0
        lines.append(f"| `{short}` | {'yes' if code == 0 else f'no: {code}'} | {seconds:.0f} |")
        print(lines[-1], *([said] if code else []), sep="\n", flush=True)
    return "\n".join(lines) + "\n", well


def _head() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    return (
        "# The README's commands, timed\n\n"
        f"`python -m experiments.first_hour --update`; {os.cpu_count()} CPU cores, "
        f"Python {python}, {time.strftime('%Y-%m-%d')}.\n"
        "Each command is a process of its own, and its start is included.\n\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="time the README's commands")
    parser.add_argument("--all", action="store_true", help="also those of more than ten minutes")
    add_update_flag(parser)
    given = parser.parse_args()
    target = results_folder(given.update, Path("runs"))
    with tempfile.TemporaryDirectory() as made:
        table, succeeded = time_commands(Path(made), given.all)
    write_results(target, {TABLE.name: (_head() + table).encode()})
    sys.exit(not succeeded)
