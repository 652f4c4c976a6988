"""What each mode takes from the flags, and what it calls.

Nothing heavy is imported before the flags are known to be right.
"""

from __future__ import annotations

from collections.abc import Callable

from aedenoise.cli import run_commands, study_commands, tool_commands
from aedenoise.runtime.preemption import StopSignals

# Modes that work for long and go on where a signal stopped them.
LONG: dict[str, Callable[[StopSignals], int]] = {
    "train": run_commands.train_run,
    "compare": study_commands.compare_decoders,
    "robustness": study_commands.map_robustness,
    "invent": study_commands.count_changes,
    "probe": run_commands.probe_run,
}
SHORT: dict[str, Callable[[], int]] = {
    "eval": run_commands.evaluate,
    "denoise": run_commands.denoise,
    "sample": run_commands.sample_run,
    "data": tool_commands.describe_data,
    "artifacts": tool_commands.show_artifacts,
    "report": tool_commands.write_report,
    "doctor": tool_commands.examine_machine,
}


def run(mode: str, signals: StopSignals) -> int:
    """Carries out ``mode``; returns the exit code."""
    return LONG[mode](signals) if mode in LONG else SHORT[mode]()
