"""Stop signals: the first SIGTERM or SIGINT asks to save and stop, a second leaves at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from aedenoise.errors import Stopped

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# A compiler may hold the main thread for longer than a machine waits that is about to go.
_PATIENCE = 8.0
_SECOND_SIGNAL_PATIENCE = 0.5


class StopSignals:
    """While entered, takes stop signals in the main thread.

    At first, and while there is nothing to save, a signal raises ``Stopped`` wherever the program
    is. After ``remember`` it is only noted in ``received``, for a loop that asks, saves and stops.

    Args:
      give_up: must end the process; called instead of raising in the midst of an import, and, from
        another thread, if the program still runs eight seconds after ``Stopped`` was due,
        because it is in foreign code or that code lost the exception.

    Attributes:
      received: the first signal that came.
      forward: whether SIGINT is passed on as SIGTERM: where several processes run, JAX itself
        takes SIGTERM in one of them and makes all stop at the same step.
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
            return self  # signals are the main thread's
        self._previous = {number: signal.signal(number, self._handle) for number in _SIGNALS}
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
        """From now on signals are noted, not raised: there is something to save."""
        self._interrupting = False

    def interrupt(self) -> None:
        """From now on signals raise ``Stopped`` again: everything is saved.

        Raises:
          Stopped: if one has come already.
        """
        self._interrupting = True
        if self.received is not None:
            raise Stopped(self.received)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
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
        """Sees signals the moment they come, also while the main thread is in foreign code."""
        first = None
        while numbers := os.read(pipe, 1):
            if numbers[0] not in _SIGNALS:
                continue
            if first is None:
                first = signal.Signals(numbers[0])
                self._after(_PATIENCE, self._lose_patience, first)
            else:
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
    """Whether a module is being imported: some, such as NumPy's, make an error of their own, and a
    traceback, of whatever is raised meanwhile."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
