"""What the modes' commands share."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from typing import Any

from aedenoise.cli import FLAGS
from aedenoise.config import Experiment
from aedenoise.errors import Stopped


def named_experiment() -> Experiment:
    """What ``--experiment`` names, or the default."""
    if FLAGS.experiment is None:
        return Experiment()
    from aedenoise.config.registry import find_experiment

    return find_experiment(FLAGS.experiment)


def list_experiments() -> None:
    """Prints the named experiments, each with the first line of its header."""
    from aedenoise.config.registry import named_experiments
    from aedenoise.reporting.console import say

    for name, document in named_experiments().items():
        say(f"{name:<26}{document.strip().splitlines()[0]}")


def quiet_libraries() -> None:
    """Keeps libraries' chatter off the screen; warnings that matter are raised as errors."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from absl import logging

    logging.set_verbosity(logging.ERROR)
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    print_unraisable = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        # What Orbax leaves of a failed restore complains of it after our one line; and a signal
        # may come while a callback of the garbage collector runs.
        expected = (
            inspect.iscoroutine(unraisable.object)
            or str(unraisable.exc_value) == "Event loop is closed"
            or isinstance(unraisable.exc_value, Stopped)
        )
        if not expected:
            print_unraisable(unraisable)

    sys.unraisablehook = hook
