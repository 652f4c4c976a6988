"""Prints the share of lines that the tests ran, for each room of the package.

python tests/coverage_by_room.py

Reads the ``.coverage`` that ``make coverage`` wrote.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import coverage

PACKAGE = Path(__file__).resolve().parent.parent / "aedenoise"


def main() -> int:
    """Prints a line per room, with the modules that no test imports; fails if there is one."""
    measured = coverage.Coverage()
    measured.load()
    rooms: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    unused = []
    for path in sorted(PACKAGE.rglob("*.py")):
        _, statements, _, missing, _ = measured.analysis2(str(path))
        parts = path.relative_to(PACKAGE).parts
        for name in (parts[0].removesuffix(".py"), "all"):
            rooms[name][0] += len(statements)
            rooms[name][1] += len(statements) - len(missing)
        if statements and len(missing) == len(statements):
            unused.append("/".join(parts))
    for name, (count, run) in sorted(rooms.items(), key=lambda item: item[0] == "all"):
        share = run / count if count else 1.0
        print(f"{name:12} {run:5} of {count:5} lines {share:7.1%}")
    for name in unused:
        print(f"no test runs {name}", file=sys.stderr)
    return 1 if unused else 0


if __name__ == "__main__":
    sys.exit(main())
