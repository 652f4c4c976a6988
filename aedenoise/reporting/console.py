"""Console output: plain lines on stdout, a progress bar on stderr if that is a terminal."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
# Shortest time from which a duration is extrapolated, and shortest time of a pace.
_PACE_SECONDS = 3.0
_LEAST_SECONDS = 1.0


def say(line: str) -> None:
    """Prints one line immediately, also into a pipe.

    If the reader of the pipe has exited (``| head``), the run continues silently: every result is
    also in the workdir.
    """
    try:
        with tqdm.external_write_mode(file=sys.stdout):
            print(line, flush=True)
    except BrokenPipeError:
        # Replaces the descriptor itself, so that the flush at exit does not fail either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn(line: str) -> None:
    """Prints one line on stderr without breaking a progress bar."""
    with tqdm.external_write_mode(file=sys.stderr):
        print(f"aedenoise: {line}", file=sys.stderr, flush=True)


class Forecast:
    """Duration of a long command, from the pace of its first part.

    Args:
      total: number of parts, such as training steps.
      clock: seconds since any moment.
      equal: True where all parts cost the same. The fastest of them then counts, since between
        others a program may be compiled; otherwise their mean counts.
    """

    def __init__(
        self, total: float, clock: Callable[[], float] = time.monotonic, *, equal: bool = False
    ) -> None:
        self._total, self._clock, self._equal = total, clock, equal
        self._begin: tuple[float, float] | None = None
        self._last = (0.0, 0.0)
        self._fastest = math.inf
        self._paces = 0
        self._told = False

    def reached(self, done: float) -> str:
        """Returns the time left as a range, once: when it is more than a minute as far as known."""
        now = self._clock()
        if self._begin is None:  # before it programs are compiled, which happens once
            self._begin = self._last = now, done
            return ""
        seconds, parts = now - self._begin[0], done - self._begin[1]
        # Devices work while results are fetched, so single short parts have no pace of their own.
        if done > self._last[1] and now >= self._last[0] + _LEAST_SECONDS:
            pace = (now - self._last[0]) / (done - self._last[1])
            self._fastest, self._last = min(self._fastest, pace), (now, done)
            self._paces += 1
        if self._told or seconds < _PACE_SECONDS or parts <= 0.0:
            return ""
        # The first pace often includes the compilation of an evaluation.
        if self._equal and self._paces < 2:
            return ""
        left = (self._fastest if self._equal else seconds / parts) * (self._total - done)
        # Asked again if it is short: later parts of a study may take longer.
        self._told = left >= 60.0
        return f"this takes about {time_range(left)} on this machine" if self._told else ""


def time_range(seconds: float) -> str:
    """Formats a time as a range up to half as much again: evaluations and figures are extra."""
    unit, name = (3600.0, "h") if seconds >= 2 * 3600.0 else (60.0, "min")
    return f"{seconds / unit:.0f} to {math.ceil(1.5 * seconds / unit)} {name}"


class Progress(AbstractContextManager["Progress"]):
    """Progress bar over training steps with loss, images per second and time left.

    Disabled if stderr is not a terminal; one line per evaluation then remains. A training of more
    than a minute says how long it will take.
    """

    def __init__(self, total_steps: int, step: int, *, quiet: bool = False) -> None:
        self._forecast = Forecast(total_steps, equal=True)
        self._step, self._quiet = step, quiet
        self._bar = tqdm(
            total=total_steps,
            initial=step,
            unit="step",
            dynamic_ncols=True,
            disable=quiet or not sys.stderr.isatty(),
            bar_format="{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} "
            "[{elapsed}<{remaining}{postfix}]",
        )

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def stepped(self, step: int) -> None:
        """Moves the bar to ``step``."""
        self._bar.update(step - self._bar.n)
        self._step = step

    def logged(self, loss: float, images_per_second: float | None) -> None:
        """Shows the latest loss and speed next to the bar."""
        speed = f"{images_per_second:,.0f} images/s" if images_per_second else "compiling"
        # Not refreshed here: tqdm redraws at its own rate, so logging often costs nothing.
        self._bar.set_postfix_str(f"loss {loss:.4f}, {speed}", refresh=False)
        line = self._forecast.reached(self._step)
        if line and not self._quiet:
            say(line)


class Parts(AbstractContextManager["Parts"]):
    """Progress over the parts of a study: a bar on a terminal, and its duration as a line."""

    def __init__(self, total: int, unit: str) -> None:
        self._forecast = Forecast(total)
        self._passed = 0.0
        self._bar = tqdm(
            total=total, unit=unit, dynamic_ncols=True, disable=not sys.stderr.isatty()
        )

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def reached(self, share: float) -> None:
        """Takes the share of the present part that is done, in parts."""
        self._show(self._passed + share)

    def passed(self, count: int) -> None:
        """Counts parts that are done."""
        self._passed += count
        self._show(self._passed)

    def _show(self, done: float) -> None:
        self._bar.update(done - self._bar.n)
        line = self._forecast.reached(done)
        if line:
            say(line)


def bar(
    items: Iterable[Item], unit: str, *, quiet: bool, total: int | None = None
) -> Iterator[Item]:
    """Yields the items and shows a progress bar if stderr is a terminal.

    Args:
      items: the items.
      unit: name of one of them.
      quiet: shows no bar.
      total: number of items that have no length.
    """
    disable = quiet or not sys.stderr.isatty()
    yield from tqdm(items, unit=unit, total=total, dynamic_ncols=True, disable=disable)
