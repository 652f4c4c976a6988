"""Set-up of the process before a command imports its libraries."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from typing import Any

from aedenoise.errors import Stopped


def quiet_libraries() -> None:
    """Keeps libraries' chatter off the screen; warnings that matter are raised as errors."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from absl import logging

    logging.set_verbosity(logging.ERROR)
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    print_unraisable = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        # Orbax's leftovers of a failed restore complain after our one line; and a signal may
        # come while a callback of the garbage collector runs.
        expected = (
            inspect.iscoroutine(unraisable.object)
            or str(unraisable.exc_value) == "Event loop is closed"
            or isinstance(unraisable.exc_value, Stopped)
        )
        if not expected:
            print_unraisable(unraisable)

    sys.unraisablehook = hook
