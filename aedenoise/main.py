"""The command line: flags in, an experiment out, then one mode runs.

python -m aedenoise.main --decoder=upsample --dataset=notmnist

Nothing heavy is imported before the flags are known to be right.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from signal import Handlers, Signals, signal

from absl import app
from absl import flags as absl_flags

from aedenoise import __version__, cli
from aedenoise.cli import FLAGS, commands
from aedenoise.cli.common import list_experiments
from aedenoise.errors import Stopped, UsageError, report
from aedenoise.runtime.preemption import StopSignals


def main(argv: Sequence[str]) -> int:
    """Runs the mode that the parsed flags ask for; returns the exit code."""
    with StopSignals(give_up=_give_up) as signals:
        try:
            return _run(argv, signals)
        except Stopped as stopped:
            return _stopped(stopped)
        except Exception as error:
            return report(error, debug=FLAGS.debug)


def _run(argv: Sequence[str], signals: StopSignals) -> int:
    if len(argv) > 1:
        raise UsageError(f"unexpected argument {argv[1]!r}; flags look like --decoder=transpose")
    cli.check_mode()
    cli.preempt_exit_code()
    if FLAGS.experiment == "list":
        list_experiments()
        return 0
    return commands.run(FLAGS.mode, signals)


def _stopped(stopped: Stopped) -> int:
    """After a signal that came while there was nothing to save."""
    if FLAGS.mode not in commands.LONG:
        return report(stopped, debug=FLAGS.debug)
    from aedenoise.reporting.console import say

    say(f"{stopped}: stopped, with nothing left to save; the same command goes on")
    return cli.preempt_exit_code()


def _give_up(number: Signals) -> None:
    """The same, where foreign code holds the main thread."""
    code = _stopped(Stopped(number))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _parse(argv: Sequence[str]) -> list[str]:
    """Parses flags; help and errors are answered here, in our own form and exit codes."""
    answer = _answer(argv[1:])
    if answer is not None:
        from aedenoise.reporting.console import say

        say(answer)
        raise SystemExit(0)
    if any(argument.startswith(("--jax_", "--nojax_")) for argument in argv):
        import jax

        jax.config.config_with_absl()
    try:
        return list(FLAGS(list(argv)))
    except absl_flags.Error as error:
        raise SystemExit(report(UsageError(str(error)), debug=False)) from None


def _answer(arguments: Sequence[str]) -> str | None:
    """What is to be said where nothing is to be done."""
    asked = set(arguments)
    if asked & {"--version", "-version", "-V"}:
        return f"aedenoise {__version__}"
    if asked & {"--helpfull", "-helpfull"}:
        return str(FLAGS.get_help())
    if asked & {"--help", "-help", "-h", "--helpshort", "-helpshort"}:
        modes = [
            argument.partition("=")[2] for argument in arguments if argument.startswith("--mode=")
        ]
        return cli.help_text(*modes[-1:])
    return None


def _main_and_leave(argv: Sequence[str]) -> int:
    """``main``; a signal that comes while the interpreter is taken down changes nothing of it."""
    code = main(argv)
    for number in (Signals.SIGTERM, Signals.SIGINT):
        signal(number, Handlers.SIG_IGN)
    return code


def run() -> None:
    """The console script ``aedenoise``."""
    app.run(_main_and_leave, flags_parser=_parse)


if __name__ == "__main__":
    run()
