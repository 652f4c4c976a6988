"""Before training: a finished run is reported, an unfinished one checked, a new one recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aedenoise.config import Experiment, from_dict
from aedenoise.config.continuation import BEGUN, begun_with, difference
from aedenoise.config.options import RunOptions
from aedenoise.data.reading import Dataset
from aedenoise.errors import CheckpointError, DataError, StorageError
from aedenoise.files import folder_lock, remove
from aedenoise.runs.hooks import say
from aedenoise.runs.kinds import select_hooks
from aedenoise.runs.records import config_record
from aedenoise.runs.report_page import write_page
from aedenoise.runs.workload import Workload
from aedenoise.runtime.distributed import all_agree, is_first_process
from aedenoise.training.checkpoint_folders import remove_checkpoints
from aedenoise.training.checkpoint_place import record_checkpoints
from aedenoise.training.checkpoints import Checkpoints
from aedenoise.training.run_files import read_json, well_formed
from aedenoise.training.workdir import Workdir


def report_finished(
    experiment: Experiment, workdir: Workdir, dataset: Dataset | None
) -> dict[str, Any]:
    """Reports a finished run, also one that cannot be written, and returns its results."""
    # Without a shared disk only process 0 has the file.
    results = read_json(workdir.results) if workdir.results.is_file() else {}
    if not is_first_process():
        return results
    if dataset is not None:
        check_data(workdir.read_config(), dataset)
    with well_formed(workdir.results):
        steps = int(results["train"]["steps"])
        say(f"{workdir.path} is finished ({steps} steps); nothing to do")
        select_hooks(experiment).show(results)
    _complete(workdir)
    return results


def _complete(workdir: Workdir) -> None:
    """Writes the page if the run was killed between ``results.json`` and the page."""
    try:
        with folder_lock(workdir.path) as mine:
            # Otherwise the process that holds the lock is about to write it.
            if mine:
                workdir.remove_leftovers()
                if not workdir.page.exists():
                    write_page([workdir.path], workdir.page)
    except (OSError, StorageError) as error:
        say(f"{workdir.page.name} is missing: {error}")


def open_workdir(workdir: Workdir, options: RunOptions) -> None:
    """Makes the workdir ready: empty with ``overwrite``, and with a record of its checkpoints."""
    if options.overwrite and is_first_process():
        workdir.clear()
        # Only a folder that is named now: a recorded one may be of any origin.
        remove_checkpoints(options.checkpoint_dir or workdir.checkpoints)
    workdir.path.mkdir(parents=True, exist_ok=True)
    if options.checkpoint_dir:
        record_checkpoints(workdir, options.checkpoint_dir)


def check_origin(
    workdir: Workdir, checkpoints: Checkpoints, saved: Mapping[str, Any] | None
) -> None:
    """Checks that a new run finds no files of another origin in place of its checkpoints.

    Args:
      workdir: workdir of the run.
      checkpoints: its checkpoints.
      saved: record of the newest checkpoint, or None.

    Raises:
      CheckpointError: if no record is readable, and the workdir is not known as a run's.
    """
    # Before the configuration is written: with it, --overwrite would remove those files.
    if saved is None and checkpoints.steps() and not all_agree(workdir.has_config()):
        raise CheckpointError(
            f"{workdir.path} has no {workdir.config.name}, and its checkpoints cannot be read; "
            "choose another --workdir"
        )


def record_config(
    workdir: Workdir, workload: Workload, saved: Mapping[str, Any] | None, command: str
) -> None:
    """Writes ``config.json``, and checks that a resumed run has the same experiment and data.

    Args:
      workdir: workdir of the run.
      workload: workload of the run.
      saved: record of the newest checkpoint, which may be stored outside the workdir; or None.
      command: command line that the user typed.

    Raises:
      CheckpointError: if workdir or checkpoint belong to another experiment.
      DataError: if the data have changed.
    """
    experiment = workload.experiment
    before = workdir.read_config() if workdir.has_config() else None
    for config, where in ((before, workdir.config), (saved and saved["config"], "the checkpoint")):
        if not config:
            continue
        found = difference(config, experiment)
        if found:
            raise CheckpointError(
                f"{where} belongs to another experiment: {found}; choose another --workdir "
                "and --checkpoint_dir, or replace the run with --overwrite"
            )
        check_data(config, workload.dataset)
    record = config_record(workload, command)
    # Each process with a disk of its own writes a file.
    if before is None:
        workdir.write_config(experiment, record)
    elif from_dict(before["experiment"]).epochs < experiment.epochs:
        say(f"{workdir.path} goes on to {experiment.epochs} epochs")
        # Before the configuration: with both, the run would count as finished.
        remove(workdir.results)
        remove(workdir.page)
        workdir.write_config(experiment, {**record, BEGUN: begun_with(before)})


def check_data(config: Mapping[str, Any], dataset: Dataset) -> None:
    recorded = config["dataset"]["digest"]
    if recorded != dataset.digest:
        arrays = dataset.name.startswith("arrays")
        remedy = "pass the same arrays, or another workdir" if arrays else "check --data_dir"
        raise DataError(
            f"{dataset.name} has changed since the run began: digest {dataset.digest[:12]}, "
            f"recorded {recorded[:12]}; {remedy}"
        )
