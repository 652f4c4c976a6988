"""Times systems in turn, each in a process of its own that sleeps in between."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Worker:
    """One system, set up and warm.

    Attributes:
      name: its name in the table.
      versions: the versions it reports.
      rates: images per second, one per round.
      peer: whether ratios are taken against it.
    """

    name: str
    versions: str
    process: subprocess.Popen[str]
    peer: bool
    rates: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Returns the median of the rounds."""
        return statistics.median(self.rates)

    def ask(self, steps: int) -> float:
        """Measures the seconds of a number of steps."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(steps, file=self.process.stdin, flush=True)
        return float(json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        """Ends the process, which does so when its input ends."""
        self.process.communicate(timeout=30)


def start(name: str, command: Sequence[str], *, peer: bool) -> Worker | str:
    """Starts a worker, or returns the last line of its process if it could not start."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout is not None
        hello = process.stdout.readline()
        if hello:
            return Worker(name, json.loads(hello)["versions"], process, peer)
        process.communicate()
        errors.seek(0)
        return (errors.read().strip().splitlines() or ["it said nothing"])[-1]


def take_turns(workers: Sequence[Worker], *, rounds: int, seconds: float, batch_size: int) -> None:
    """Times every worker once per round, each for about ``seconds``."""
    steps = {}
    for worker in workers:
        worker.ask(2)
        steps[worker.name] = max(2, min(400, round(seconds / (worker.ask(4) / 4))))
    for _ in range(rounds):
        for worker in workers:
            count = steps[worker.name]
            worker.rates.append(count * batch_size / worker.ask(count))
