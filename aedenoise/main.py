"""The command line: parses flags, then runs one command.

python -m aedenoise.main --decoder=upsample --dataset=notmnist
python -m aedenoise.main denoise --input=scan.png

Nothing heavy is imported before the flags are known to be right.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from signal import Handlers, Signals, signal

from absl import app
from absl import flags as absl_flags

from aedenoise import __version__
from aedenoise.cli import dispatch, help, values
from aedenoise.cli.experiments import list_experiments
from aedenoise.cli.flags import FLAGS, check_switches
from aedenoise.errors import Stopped, UsageError, report
from aedenoise.runtime.home import ensure_home
from aedenoise.runtime.preemption import StopSignals
from aedenoise.runtime.streams import ensure_streams, escape_unprintable


def main(argv: Sequence[str]) -> int:
    """Runs the command that the parsed flags name; returns the exit code."""
    with StopSignals(give_up=_give_up) as signals:
        try:
            return _run(signals)
        except Stopped as stopped:
            return _stopped(stopped)
        except Exception as error:
            return report(error, debug=FLAGS.debug)


def _run(signals: StopSignals) -> int:
    if FLAGS.experiment == "list":
        list_experiments()
        return 0
    command = dispatch.find(FLAGS.mode)
    dispatch.check_flags(command)
    values.preempt_exit_code()
    ensure_home(_warn)
    return command.run(signals)


def _warn(line: str) -> None:
    from aedenoise.reporting.console import warn

    warn(line)


def _stopped(stopped: Stopped) -> int:
    """Reports a signal that came while there was nothing to save; returns the exit code."""
    if not dispatch.find(FLAGS.mode).resumable:
        return report(stopped, debug=FLAGS.debug)
    from aedenoise.reporting.console import say

    say(f"{stopped}: stopped, with nothing left to save; the same command continues")
    return values.preempt_exit_code()


def _give_up(number: Signals) -> None:
    """Ends the process where foreign code holds the main thread."""
    code = _stopped(Stopped(number))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _parse(argv: Sequence[str]) -> list[str]:
    """Parses flags; answers help and errors in our own form and exit codes."""
    try:
        return _parse_or_raise(list(argv))
    except (absl_flags.Error, UsageError) as error:
        raise SystemExit(report(UsageError(str(error)), debug=False)) from None


def _parse_or_raise(argv: list[str]) -> list[str]:
    answer = help.answer(argv[1:])
    if {"--version", "-version", "-V"} & set(argv[1:]):
        answer = f"aedenoise {__version__}"
    if answer is not None:
        from aedenoise.reporting.console import say

        say(answer)
        raise SystemExit(0)
    if any(argument.startswith(("--jax_", "--nojax_")) for argument in argv):
        import jax

        jax.config.config_with_absl()
    check_switches()
    FLAGS.set_gnu_getopt(True)  # the command may stand behind flags
    program, *words = FLAGS(argv)
    FLAGS["mode"].value = dispatch.choose(words).name
    return [program]


def _main_and_leave(argv: Sequence[str]) -> int:
    """Runs ``main``, then ignores signals: one that comes now must not change its exit code."""
    code = main(argv)
    for number in (Signals.SIGTERM, Signals.SIGINT):
        signal(number, Handlers.SIG_IGN)
    return code


def run() -> None:
    """Runs the console script ``aedenoise``."""
    ensure_streams()
    escape_unprintable()
    # The installed command has only its own folder on the path; a decoder may be in this one.
    if "" not in sys.path and not sys.flags.safe_path:
        sys.path.append("")
    app.run(_main_and_leave, flags_parser=_parse)


if __name__ == "__main__":
    run()
