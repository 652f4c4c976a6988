"""The script that times the README's commands."""

from __future__ import annotations

from pathlib import Path

from conftest import ROOT

from experiments.first_hour import read_commands, run_command

PAGE = """
```bash
# Quick [14 s].
python -m aedenoise.main --experiment=debug
# Slow [11 to 16 minutes].
python -m aedenoise.main \\
  --experiment=gan
make run
```
"""


def test_commands_of_minutes_are_known_as_such() -> None:
    assert read_commands(PAGE) == [
        ("python -m aedenoise.main --experiment=debug", False),
        ("python -m aedenoise.main --experiment=gan", True),
    ]
    commands = read_commands((ROOT / "README.md").read_text(encoding="utf-8"))
    assert sum(long for _, long in commands) == 2


def test_a_command_that_fails_says_what_it_said(tmp_path: Path) -> None:
    code, seconds, said = run_command("python -m aedenoise.main --experiment=none", tmp_path)
    assert code == 2
    assert seconds > 0
    assert "none" in said
