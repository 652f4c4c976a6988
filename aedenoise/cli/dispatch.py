"""From flags and words to one command, whose flags are checked."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from absl import flags as absl_flags

from aedenoise.cli.command import Command
from aedenoise.cli.commands import COMMANDS
from aedenoise.cli.flags import DEFINED, EXPERIMENT_GROUPS, FLAGS, RUN, Flag, define, spell
from aedenoise.errors import UsageError, nearest

NAMES = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}

define(
    Flag(
        name="mode",
        group=RUN,
        default=COMMANDS[0].name,
        help="command, where it is not the first argument",
        choices=tuple(command.name for command in COMMANDS),
    )
)


# Remedies where a command is given several subjects.
_SEVERAL = {
    "report": "for several runs, give --runs=A,B",
    "export": "for a page of several runs, give --runs=A,B",
}


def choose(words: Sequence[str]) -> Command:
    """Returns the command of the arguments that are no flags, or of ``--mode``.

    A second argument is the value of the command's ``subject``, and so are further ones where that
    takes several.

    Raises:
      UsageError: if the command is unknown, two are given and contradict each other, or an argument
        has no meaning.
    """
    mode: str = FLAGS.mode
    if words and FLAGS["mode"].present and words[0] not in NAMES and find(mode, "mode").subject:
        words = [mode, *words]
    chosen = find(words[0] if words else mode, "command" if words else "mode")
    for word in words[1:]:
        _take(chosen, word)
    if words and FLAGS["mode"].present and find(mode, "mode") != chosen:
        raise UsageError(f"{words[0]} contradicts --mode={mode}; leave out one of them")
    return chosen


def _take(command: Command, word: str) -> None:
    """Gives the command's subject the value ``word``."""
    if not command.subject:
        raise UsageError(f"unexpected argument {word!r}; flags look like --decoder=transpose")
    flag = FLAGS[command.subject]
    if word in ("true", "false"):
        raise UsageError(f"unexpected argument {word!r}; a switch is --overwrite or --nooverwrite")
    if flag.present and not isinstance(flag, absl_flags.MultiFlag):
        raise UsageError(
            f"{command.name} takes one --{flag.name}, not {flag.value} and {word}; "
            f"{_SEVERAL.get(command.name, 'leave out one')}"
        )
    flag.parse(word)
    flag.using_default_value = False


def find(name: str, what: str = "command") -> Command:
    """Returns the command of a name; a misspelt one is answered with the nearest."""
    if name not in NAMES:
        if _is_there(name):
            raise UsageError(
                f"{name} is a file or folder; which command? To denoise: denoise {name}"
            )
        # Without aliases, which the help does not list.
        known = [command.name for command in COMMANDS]
        raise UsageError(f"unknown {what} {name!r}; {nearest(name, known)}")
    return NAMES[name]


def _is_there(name: str) -> bool:
    """Returns True for the name of a file or folder."""
    with suppress(OSError):  # too long for a name
        return Path(name).exists()
    return False


def check_flags(command: Command) -> None:
    """Refuses flags that a command does not take, and asks for those that it needs.

    Raises:
      UsageError: naming the first of them.
    """
    mode = spell(command.name)
    for flag in DEFINED:
        if flag.given and not command.accepts(flag):
            users = " and ".join(spell(each.name) for each in COMMANDS if each.accepts(flag))
            raise UsageError(f"--{flag.name} is for {users}, not {mode}")
    for name, value in command.needs.items():
        given = FLAGS[name].value
        if not (all(given) if isinstance(given, list) else given):
            # A command takes its subject as a word, too.
            spelt = name == command.subject and mode == command.name
            word = f" {name.upper()} or" if spelt else ""
            raise UsageError(f"{mode} needs{word} --{name}, {value}")
    for flag in DEFINED:
        if flag.given and flag.name in command.instead:
            raise UsageError(
                f"{mode} does not take --{flag.name}; use {command.instead[flag.name]}"
            )
        described = flag.group in EXPERIMENT_GROUPS and not command.uses(flag)
        if command.trained and flag.given and described:
            raise UsageError(f"--{flag.name} is for training; {mode} takes {command.trained}")
