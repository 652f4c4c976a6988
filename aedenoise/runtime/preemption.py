"""Stop signals: the first SIGTERM or SIGINT saves and stops, a second ends the process at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from aedenoise.errors import Stopped

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# In seconds. A compilation can block the main thread, and with it Python's signal handlers, for
# longer than the grace period of a preempted machine.
_PATIENCE = 8.0
_SECOND_SIGNAL_PATIENCE = 0.5


class StopSignals:
    """Context manager that handles stop signals in the main thread.

    At first, and while there is nothing to save, a signal raises ``Stopped`` at the current point
    of the program. After ``remember`` it is only recorded in ``received``, for a loop that polls
    it, saves and stops.

    Args:
      give_up: ends the process; called instead of raising during an import, and, from another
        thread, if the program still runs eight seconds after ``Stopped`` was due, because it is
        in foreign code or that code lost the exception.

    Attributes:
      received: first signal received.
      forward: forwarding of SIGINT as SIGTERM: in multi-host runs JAX handles SIGTERM of
        one process and makes all stop at the same step.
    """

    def __init__(self, give_up: Callable[[signal.Signals], None] | None = None) -> None:
        self.received: signal.Signals | None = None
        self.forward = False
        self._interrupting = True
        self._give_up = give_up
        self._previous: dict[signal.Signals, Any] = {}
        self._previous_pipe = -1
        self._pipe: tuple[int, int] | None = None
        self._timers: list[threading.Timer] = []

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is not threading.main_thread():
            return self  # Python delivers signals to the main thread only
        self._previous = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        # Python handlers run between bytecodes. The wakeup descriptor is written by the C handler,
        # so the watcher sees a signal even while the main thread is in foreign code.
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[1], False)
        self._previous_pipe = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(self._pipe[0],), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._pipe is None:
            return
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._previous_pipe)
        os.close(self._pipe[1])  # ends the watcher
        self._pipe = None
        for timer in self._timers:
            timer.cancel()

    def remember(self) -> None:
        """Records signals from now on instead of raising: there is something to save."""
        self._interrupting = False

    def interrupt(self) -> None:
        """Raises ``Stopped`` on signals again from now on: everything is saved.

        Raises:
          Stopped: if a signal was received already.
        """
        self._interrupting = True
        if self.received is not None:
            raise Stopped(self.received)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            # A second signal ends the process with the default action of the system.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.received = signal.Signals(number)
        if self.forward:
            os.kill(os.getpid(), signal.SIGTERM)
        elif self._interrupting:
            if self._give_up and _importing(frame):
                self._give_up(self.received)
            raise Stopped(self.received)

    def _watch(self, pipe: int) -> None:
        """Watches for signals in a thread, also while the main thread is in foreign code."""
        first = None
        while numbers := os.read(pipe, 1):
            if numbers[0] not in _SIGNALS:
                continue
            if first is None:
                first = signal.Signals(numbers[0])
                self._after(_PATIENCE, self._lose_patience, first)
            else:
                # The handler ends the process sooner, unless foreign code blocks it.
                self._after(_SECOND_SIGNAL_PATIENCE, os._exit, 128 + numbers[0])
        os.close(pipe)

    def _after(self, seconds: float, action: Callable[[Any], None], argument: int) -> None:
        timer = threading.Timer(seconds, action, (argument,))
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _lose_patience(self, number: signal.Signals) -> None:
        if self._interrupting and self._give_up and self._pipe is not None:
            self._give_up(number)


def _importing(frame: FrameType | None) -> bool:
    """Returns True during an import: some modules, such as NumPy, turn any exception raised then
    into an ImportError with a traceback."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
