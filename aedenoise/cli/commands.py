"""What each mode takes from the flags, and what it calls.

Nothing heavy is imported before the flags are known to be right.
"""

from __future__ import annotations

from collections.abc import Callable

from aedenoise.commands import grids, runs, shows
from aedenoise.training.preemption import StopSignals

# Modes that work for long and go on where a signal stopped them.
LONG: dict[str, Callable[[StopSignals], int]] = {
    "train": runs.train_run,
    "compare": grids.compare_decoders,
    "robustness": grids.map_robustness,
    "invent": grids.count_changes,
    "probe": runs.probe_run,
}
SHORT: dict[str, Callable[[], int]] = {
    "eval": runs.evaluate,
    "denoise": runs.denoise,
    "sample": runs.sample_run,
    "data": shows.describe_data,
    "artifacts": shows.show_artifacts,
    "report": shows.write_report,
    "doctor": shows.examine_machine,
}


def run(mode: str, signals: StopSignals) -> int:
    """Carries out ``mode``; returns the exit code."""
    return LONG[mode](signals) if mode in LONG else SHORT[mode]()
