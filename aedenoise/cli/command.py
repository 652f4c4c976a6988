"""The declaration of a command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aedenoise.cli.flags import SHARED_GROUPS, Flag
from aedenoise.runtime.preemption import StopSignals


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of the command line.

    Attributes:
      name: the first argument, or the value of ``--mode``.
      help: a phrase that opens with a verb.
      run: carries the command out and returns the exit code.
      flags: names and groups of the flags that it uses.
      needs: flags that must be given, each with what it names.
      meanings: help of flags that mean something else to it.
      instead: flags that it refuses, each with the flag to give instead.
      trained: the kind of network that it restores; flags that describe an experiment are refused.
      subject: the flag that bare arguments give, as in ``denoise scan.png``.
      resumable: true where the same command continues after a stop signal.
      aliases: other names.
    """

    name: str
    help: str
    run: Callable[[StopSignals], int]
    flags: tuple[str, ...]
    needs: Mapping[str, str] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)
    trained: str = ""
    subject: str = ""
    resumable: bool = False
    aliases: tuple[str, ...] = ()

    def uses(self, flag: Flag) -> bool:
        """Tells if the flag has an effect on this command."""
        own = flag.name in self.flags or flag.group in self.flags or flag.name in ("mode", "debug")
        return own and flag.name not in self.instead

    def accepts(self, flag: Flag) -> bool:
        """Tells if the flag may be given."""
        return self.uses(flag) or flag.group in SHARED_GROUPS
