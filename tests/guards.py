"""Shows that the tests of the scorecard can fail: takes out each guard in turn, in a copy.

python tests/guards.py [NUMBER ...]

Writes ``experiments/results/guards.md``; rows of guards that were not asked for stay.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scorecard import ENTRIES, table_rows

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "experiments" / "results" / "guards.md"


@dataclass(frozen=True)
class Guard:
    """What is taken out: in ``file`` (of the package), ``old`` becomes ``new``; ``test`` must
    fail then."""

    said: str
    file: str
    old: str
    new: str
    test: str


GUARDS = {
    1: Guard(
        "the order of examples begins anew after a stop",
        "training/loop.py",
        "    step = int(state.step)\n    settling",
        "    step = 0\n    settling",
        "training/test_exactness.py::test_a_stop_at_any_step_changes_no_bit",
    ),
    2: Guard(
        "lines after the last checkpoint stay in metrics.jsonl",
        "reporting/metrics_log.py",
        "if _parse_step(line) <= step]",
        "if line]",
        "runs/test_kills.py::test_killed_at_random_instants",
    ),
    3: Guard(
        "padding counts as examples",
        "data/batches.py",
        "mask = np.arange(size) < len(index)",
        "mask = np.arange(size) < size",
        "training/test_exactness.py::test_order_over_stops_and_processes",
    ),
    4: Guard(
        "signals are always raised, never remembered",
        "runs/hooks.py",
        "        self._signals.remember()\n",
        "",
        "runs/test_kills.py::test_the_exit_code_after_a_signal_can_be_chosen",
    ),
    5: Guard(
        "processes do not vote",
        "runs/hooks.py",
        "self._vote.agreed() if joined() else self._signalled()",
        "self._signalled()",
        "runtime/test_hosts.py::test_a_signal_to_one_stops_both_at_the_same_step",
    ),
    6: Guard(
        "digests are not compared",
        "training/checkpoint_items.py",
        "    if changed:\n",
        "    if False:\n",
        "training/test_damage.py::test_no_changed_byte_is_restored",
    ),
    7: Guard(
        "a full disk is not an expected error",
        "errors.py",
        "_FULL_ERRNOS = frozenset({errno.EDQUOT, errno.EFBIG, errno.ENOSPC})",
        "_FULL_ERRNOS = frozenset()",
        "training/test_damage.py::test_a_full_disk_costs_nothing_but_time",
    ),
    8: Guard(
        "saves return before they are done",
        "training/checkpoint_manager.py",
        "enable_async_checkpointing=False",
        "enable_async_checkpointing=True",
        "training/test_exactness.py::test_a_save_is_the_state_of_its_step",
    ),
    9: Guard(
        "noise is keyed by the place in a device's share",
        "ops/noise.py",
        "(None, 0))(jax.random.fold_in(key, step), index)",
        "(None, 0))(jax.random.fold_in(key, step), jnp.arange(len(index)))",
        "training/test_exactness.py::test_any_number_of_devices",
    ),
    10: Guard(
        "pmap does not sum gradients over devices",
        "training/update.py",
        "total, gradient = sum_over_devices((total, gradient), axis_name)",
        "total = sum_over_devices(total, axis_name)",
        "training/test_exactness.py::test_jit_equals_pmap",
    ),
    11: Guard(
        "every process takes the first rows of a batch",
        "training/sharding.py",
        "first = jax.process_index() * len(self._local) if self._several_processes else 0",
        "first = 0",
        "runtime/test_hosts.py::test_two_processes_train_as_one",
    ),
    12: Guard(
        "checkpoints are restored onto the devices that saved them",
        "training/sharding.py",
        "leaf = partial(jax.ShapeDtypeStruct, sharding=self._replicated)",
        "leaf = jax.ShapeDtypeStruct",
        "training/test_exactness.py::test_a_checkpoint_fits_any_number_of_devices",
    ),
    13: Guard(
        "the parameters' key depends on the process",
        "training/task.py",
        "jax.random.split(jax.random.key(seed))",
        "jax.random.split(jax.random.key(__import__('os').getpid()))",
        "runs/test_kills.py::test_three_fresh_processes_are_one",
    ),
    14: Guard(
        "Adam's second moment has another decay",
        "config/optimizer.py",
        "b2: float = 0.98",
        "b2: float = 0.981",
        "training/test_exactness.py::test_curves_are_those_on_file",
    ),
    15: Guard(
        "values are not looked at",
        "training/loop.py",
        "if not math.isfinite(column[position]):",
        "if False:",
        "training/test_divergence.py::test_a_bad_value_stops_the_run",
    ),
    16: Guard(
        "spikes begin at two hundred times the median",
        "training/loss_spikes.py",
        "_FACTOR = 2.0",
        "_FACTOR = 200.0",
        "training/test_divergence.py::test_a_spike_is_reported_with_its_step",
    ),
    17: Guard(
        "processes wait for a dead one as long as is JAX's default",
        "runtime/distributed.py",
        "heartbeat_timeout_seconds=options.heartbeat_timeout,\n"
        "                shutdown_timeout_seconds=_SHUTDOWN_SECONDS,\n",
        "",
        "runtime/test_hosts.py::test_the_death_of_one_ends_the_other",
    ),
    18: Guard(
        "epochs are not checked",
        "config/experiment.py",
        "check_positive(epochs=self.epochs, batch_size=self.batch_size)",
        "check_positive(batch_size=self.batch_size)",
        "cli/test_main.py::test_wrong_flags_are_one_line_and_exit_2",
    ),
    19: Guard(
        "preparation takes no lock",
        "files.py",
        "        fcntl.flock(file, fcntl.LOCK_EX)\n        yield\n",
        "        yield\n",
        "data/test_preparation.py::test_several_at_once_prepare_once",
    ),
    20: Guard(
        "downloads are not compared with their digest",
        "data/download.py",
        "if digest.hexdigest() != sha256:",
        "if False:",
        "data/test_archive.py::test_bad_downloads_are_one_error_and_leave_nothing",
    ),
    21: Guard(
        "links and devices in an archive count as files",
        "data/archive.py",
        "if match is None or not plain or member.size > _MAX_MEMBER_BYTES:",
        "if match is None or member.size > _MAX_MEMBER_BYTES:",
        "data/test_archive.py::test_hostile_archives_do_nothing",
    ),
    22: Guard(
        "shapes and dtypes are left to Orbax",
        "training/checkpoint_items.py",
        "if found.get(path) != wanted.get(path):",
        "if False:",
        "training/test_damage.py::test_what_cannot_be_restored_says_why",
    ),
    23: Guard(
        "checkpoints of the first format are refused",
        "training/checkpoints.py",
        "_READABLE = (1, FORMAT)",
        "_READABLE = (FORMAT,)",
        "training/test_damage.py::test_what_earlier_versions_saved_is_restored",
    ),
    24: Guard(
        "no checkpoint is removed",
        "training/checkpoint_manager.py",
        "\nKEEP = 2\n",
        "\nKEEP = 10**9\n",
        "training/test_damage.py::test_a_long_run_needs_no_more_of_anything",
    ),
}


def fails_without(guard: Guard, copy: Path) -> bool:
    """Whether ``guard.test`` fails in ``copy`` once the guard is out; it is put back."""
    file = copy / "aedenoise" / guard.file
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(guard.old, guard.new), encoding="utf-8")
    name, _, test = guard.test.partition("::")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", f"tests/{name}", "-k", test],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
        )
    finally:
        file.write_text(text, encoding="utf-8")
    if done.returncode not in (0, 1):
        raise SystemExit(f"{guard.test} did not run: {done.stdout[-2000:]}")
    return done.returncode == 1


def main() -> int:
    """Tries the guards whose numbers are given, or all."""
    numbers = [int(number) for number in sys.argv[1:]] or list(GUARDS)
    rows, silent = table_rows(TABLE), []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        ignore = shutil.ignore_patterns(".git", ".venv", "runs", "__pycache__")
        shutil.copytree(ROOT, copy, ignore=ignore)
        for number in numbers:
            guard = GUARDS[number]
            failed = fails_without(guard, copy)
            print(f"{number}: {guard.said}: {'fails' if failed else 'DOES NOT FAIL'}", flush=True)
            silent += [] if failed else [number]
            answer = "fails" if failed else "**does not fail**"
            rows[number] = f"| {number} | {ENTRIES[number][0]} | {guard.said} | {answer} |"
    head = ["# Reliability: the tests can fail", "", *_ABOUT, ""]
    table = ["| | test | the guard taken out | the test then |", "| --- | --- | --- | --- |"]
    lines = [*head, *table, *(rows[number] for number in sorted(rows))]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if silent else 0


_ABOUT = (
    "Written by `python tests/guards.py`: in a copy of the package one line is changed at a time,",
    "and the test of the scorecard that should notice is run.",
)

if __name__ == "__main__":
    sys.exit(main())
