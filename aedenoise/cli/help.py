"""The help on one screen: an overview, and a page for each command."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from absl import flags as absl_flags

from aedenoise.cli.command import Command
from aedenoise.cli.commands import COMMANDS
from aedenoise.cli.dispatch import NAMES, find
from aedenoise.cli.flags import DEFINED, EXPERIMENT_GROUPS, FLAGS, Flag

WIDTH = 100
# The flags of the overview: those that most runs need.
_COMMON = (
    *("experiment", "model", "decoder", "dataset", "noise", "noise_level", "loss", "epochs"),
    *("batch_size", "learning_rate", "seed", "mode", "workdir", "overwrite", "data_dir", "debug"),
)


def overview() -> str:
    """Formats the commands and the flags that most runs need."""
    lines = ["python -m aedenoise.main [COMMAND] [--flag=value ...]    (default: train)", ""]
    lines += [f"  {command.name:<19}{command.help}" for command in COMMANDS]
    lines += ["", "Flags of most runs, with their defaults:"]
    lines += _explained(flag for flag in DEFINED if flag.name in _COMMON)
    lines += ["", "COMMAND --help: its flags; docs/flags.md: all flags; --helpfull; --version"]
    return "\n".join(lines)


def command_help(name: str) -> str:
    """Formats the flags of one command; those that few need by name only.

    Raises:
      UsageError: if there is no such command.
    """
    command = find(name)
    subject = command.subject.upper()
    if subject and isinstance(FLAGS[command.subject], absl_flags.MultiFlag):
        subject = f"{subject} [{subject} ...]"
    shown = (
        f" {subject}" if command.subject in command.needs else f" [{subject}]" if subject else ""
    )
    shown += "".join(f" --{flag}=..." for flag in command.needs if flag != command.subject)
    lines = [
        f"python -m aedenoise.main {command.name}{shown} [--flag=value ...]",
        f"{command.help[0].upper()}{command.help[1:]}.",
    ]
    flags = [flag for flag in DEFINED if command.uses(flag) and flag.name != "mode"]
    if command != COMMANDS[0] and set(EXPERIMENT_GROUPS) <= set(command.flags):
        flags = [flag for flag in flags if flag.group not in EXPERIMENT_GROUPS]
        lines.append("It takes the flags of an experiment, too (train --help), and these:")
    lines += _explained(_own_first(command, (flag for flag in flags if not flag.detail)))
    detailed = [flag.name for flag in flags if flag.detail]
    if detailed:
        lines.append("For finer control (docs/flags.md explains them):")
        lines += _wrapped(" ".join(f"--{name}" for name in detailed))
    return "\n".join(lines)


def answer(arguments: list[str]) -> str | None:
    """Returns the help that the arguments ask for, if they do.

    Raises:
      UsageError: if they ask for help on an unknown command.
    """
    if arguments[:1] == ["help"]:
        return command_help(arguments[1]) if arguments[1:] else overview()
    asked = set(arguments)
    if asked & {"--helpfull", "-helpfull"}:
        return str(FLAGS.get_help())
    if not asked & {"--help", "-help", "-h", "--helpshort", "-helpshort"}:
        return None
    name = _named_command(arguments)
    return overview() if name is None else command_help(name)


def _named_command(arguments: list[str]) -> str | None:
    """Finds the command among arguments that may hold mistakes elsewhere."""
    if arguments and not arguments[0].startswith("-"):
        return arguments[0]
    words = [word for word in arguments if word in NAMES]
    modes = [word.partition("=")[2] for word in arguments if word.lstrip("-").startswith("mode=")]
    return next(iter([*words, *modes[-1:]]), None)


def _own_first(command: Command, flags: Iterable[Flag]) -> list[Flag]:
    """Orders flags by the number of commands that use them, so that its own come first."""
    if command == COMMANDS[0]:
        return list(flags)
    return sorted(
        (_meant(command, flag) for flag in flags),
        key=lambda flag: (
            flag.name not in command.needs,
            flag.name == "debug",
            sum(other.uses(flag) for other in COMMANDS),
        ),
    )


def _meant(command: Command, flag: Flag) -> Flag:
    """Returns the flag with the help that it has for this command."""
    if flag.name not in command.meanings:
        return flag
    return replace(flag, help=command.meanings[flag.name], default=None)


def _explained(flags: Iterable[Flag]) -> list[str]:
    return [line for flag in flags for line in _help_lines(flag)]


def _help_lines(flag: Flag) -> Iterator[str]:
    silent = flag.default is None or flag.default is False or flag.default in ("", ())
    shown = "" if silent else f" [{format_value(flag.default)}]"
    choices = f": {' | '.join(flag.choices)}" if flag.choices else ""
    line = f"  --{flag.name:<17}{flag.help}{choices}{shown}"
    yield from textwrap.wrap(line, WIDTH, subsequent_indent=" " * 21)


def format_value(value: Any) -> str:
    """Formats a value as it is given to a flag."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH - 2, initial_indent="  ", subsequent_indent="  ")
