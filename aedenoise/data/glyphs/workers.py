"""Worker processes that read and render fonts, with limits on memory and time.

Fonts are untrusted programs for a complex interpreter. A font that crashes it, hangs or exhausts
memory costs only its worker, and is reported; workers return plain numbers and text only.
"""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np

from aedenoise.data.glyphs.fonts import Font, UnusableFontError, read_font
from aedenoise.data.glyphs.render import SIZE, render_font

SECONDS = 20.0
MEMORY = 2 * 2**30
# Additional time in seconds for the first font of a worker, which imports its libraries first.
_START_SECONDS = 60.0
Facts = dict[str, dict[str, str]]
Read = tuple[Font, np.ndarray]


def read_fonts(
    paths: Sequence[Path],
    letters: str,
    known: Facts,
    *,
    size: int = SIZE,
    open_only: bool = False,
    processes: int | None = None,
    seconds: float = SECONDS,
) -> Iterator[tuple[Path, Read | UnusableFontError]]:
    """Reads and renders fonts, in order of completion.

    Args:
      paths: font files.
      letters: characters to render.
      known: facts about fonts, see ``fonts.read_font``.
      size: side of the images in pixels.
      open_only: whether to reject fonts that state no open licence.
      processes: number of workers (None: one per core).
      seconds: time limit for one font.

    Yields:
      Each path with the font and its letters, uint8 ``[len(letters), size, size]``, or with the
      reason why it cannot be used.
    """
    todo = list(reversed(paths))
    count = max(1, min(processes or os.cpu_count() or 1, len(paths)))
    workers = [_Worker(letters, known, size, open_only) for _ in range(count)]
    try:
        for worker in workers:
            worker.give(todo.pop(), _START_SECONDS + seconds)
        while busy := {w.connection: w for w in workers if w.path is not None}:
            first = min(w.deadline for w in busy.values())
            wait(list(busy), timeout=max(0.0, first - time.monotonic()))
            for worker in busy.values():
                done = worker.done()
                if done is None:
                    continue
                yield done
                if todo:
                    fresh = not worker.process.is_alive()
                    if fresh:
                        worker.start()
                    worker.give(todo.pop(), seconds + (_START_SECONDS if fresh else 0.0))
    finally:
        for worker in workers:
            worker.stop()


@dataclass
class _Worker:
    letters: str
    known: Facts
    size: int
    open_only: bool
    path: Path | None = None
    deadline: float = 0.0
    process: Any = field(init=False)
    connection: Connection[Any, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        # Spawned, not forked: a fork of a process with threads can deadlock.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_work,
            args=(theirs, self.letters, self.known, self.size, self.open_only),
            daemon=True,
        )
        self.process.start()
        # Without the parent's copy of this end, the death of the worker reads as end of file.
        theirs.close()

    def give(self, path: Path, seconds: float) -> None:
        self.path, self.deadline = path, time.monotonic() + seconds
        self.connection.send_bytes(os.fsencode(path))

    def done(self) -> tuple[Path, Read | UnusableFontError] | None:
        """Returns the result for the font, or None while the worker is busy with it."""
        path = self.path
        assert path is not None
        if self.connection.poll():
            try:
                # JSON and raw pixels, not pickles: a subverted worker must not run code here.
                reply = json.loads(self.connection.recv_bytes(2**20))
                images = self.connection.recv_bytes(2**28)
            except (EOFError, OSError, ValueError):
                self.stop()
                code = self.process.exitcode
                why = f"signal {-code}" if code is not None and code < 0 else f"exit {code}"
                return path, UnusableFontError(f"crashes the renderer ({why})")
        elif time.monotonic() > self.deadline:
            self.stop()
            return path, UnusableFontError("takes too long")
        else:
            return None
        self.path = None
        if "refused" in reply:
            return path, UnusableFontError(str(reply["refused"]))
        drawn = np.frombuffer(images, np.uint8).reshape(len(self.letters), self.size, self.size)
        return path, (Font(**{**reply, "path": path}), drawn)

    def stop(self) -> None:
        self.path = None
        self.connection.close()
        self.process.kill()
        self.process.join()


def _work(
    connection: Connection[Any, Any], letters: str, known: Facts, size: int, open_only: bool
) -> None:
    """Runs the worker: receives paths; sends facts as JSON, then pixels."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            path = Path(os.fsdecode(connection.recv_bytes()))
        except EOFError:
            return
        images = b""
        try:
            font = read_font(path, letters, known, open_only=open_only)
            images = render_font(path, letters, size).tobytes()
            reply = {**dataclasses.asdict(font), "path": ""}
        except UnusableFontError as reason:
            reply = {"refused": str(reason)}
        except MemoryError:
            reply = {"refused": "needs too much memory"}
        connection.send_bytes(json.dumps(reply).encode())
        connection.send_bytes(images)
