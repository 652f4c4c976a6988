"""Evaluation of a checkpoint, on the data and noise of its run or on others."""

from __future__ import annotations

from typing import Any

from aedenoise.config import Experiment
from aedenoise.config.options import RunOptions
from aedenoise.data.reading import Dataset
from aedenoise.files import write_json
from aedenoise.reporting.result_lines import artifacts_line, estimates_lines, results_table
from aedenoise.runs.baselines import evaluate_baselines
from aedenoise.runs.denoising import DenoisingWorkload
from aedenoise.runs.figures import say_baselines, start_line
from aedenoise.runs.gan import GanWorkload
from aedenoise.runs.gan_hooks import gan_record, say_gan
from aedenoise.runs.hooks import say, warn
from aedenoise.runs.kinds import make_workload
from aedenoise.runs.noisy import NoisyWorkload
from aedenoise.runs.noisy_hooks import estimates_record
from aedenoise.runs.records import evaluation_record
from aedenoise.runs.workload import check_channels
from aedenoise.runtime.distributed import all_agree, first_process_first, is_first_process
from aedenoise.runtime.process import prepare_process
from aedenoise.training.checkpoint_folders import has_checkpoints
from aedenoise.training.checkpoint_place import find_checkpoints, record_checkpoints
from aedenoise.training.checkpoints import Checkpoints, Restored
from aedenoise.training.components import NO_COMPONENTS, Components
from aedenoise.training.run_files import well_formed
from aedenoise.training.sharding import devices_here
from aedenoise.training.workdir import Workdir


def evaluate_run(
    experiment: Experiment,
    options: RunOptions,
    checkpoint: str = "newest",
    *,
    components: Components = NO_COMPONENTS,
    dataset: Dataset | None = None,
) -> dict[str, Any]:
    """Restores a checkpoint of ``options.workdir`` and evaluates it.

    Args:
      experiment: the experiment of the run (``Workdir.read_experiment``), or a variant of it that
        differs in data or noise alone.
      options: options of the run; ``workdir``, ``checkpoint_dir``, ``data_dir`` and ``parallel``
        are used.
      checkpoint: ``newest``, ``best`` (by test PSNR; by Frechet distance for GANs) or a step.
      components: custom components; a model or decoder must be that of the run.
      dataset: dataset from Python, in place of the experiment's.

    Returns:
      The content of ``eval.json``: step, data, noise, and the numbers of the table.

    Raises:
      CheckpointError: if no checkpoint fits, or the run has other components.
      UsageError, DataError, StorageError: see ``workload.load_context``.
    """
    # Fails early, with a remedy, if JAX finds no device.
    devices_here()
    workdir = Workdir(options.workdir)
    components.check_recorded(workdir.read_parts(), f"the run in {workdir.path}")
    prepare_process(say)
    workload = make_workload(
        experiment,
        options,
        notify=say,
        training=False,
        components=components,
        dataset=dataset,
    )
    # Parameters alone: neither an optimizer nor a discriminator is needed here.
    like = workload.params_like()
    restored: Restored[dict[str, Any]]
    check_channels(workdir, workload)
    place = find_checkpoints(workdir, options.checkpoint_dir)
    with Checkpoints(place, read_only=True, notify=warn) as checkpoints:
        restored = checkpoints.restore_params(like, checkpoints.choose(checkpoint))
    say(start_line(workload, options))
    with well_formed(workdir.config):
        say(f"checkpoint of step {restored.step} of {workdir.read_config()['total_steps']}")
    if isinstance(workload, GanWorkload):
        # Before the evaluation, since one process trains the classifier that all load.
        workload.prepare()
        results = {
            "step": restored.step,
            **gan_record(workload, restored.state["average"], options.baselines),
        }
        say_gan(results)
    elif isinstance(workload, NoisyWorkload):
        found = workload.evaluate(restored.state["params"])
        results = {"step": restored.step, **estimates_record(workload, found)}
        say(estimates_lines(results))
    else:
        changed = _changed(workdir.read_experiment(), workload)
        results = _denoised(workload, restored, options, changed)
    # A workdir may be read-only, such as a shared one; the printed numbers stand.
    try:
        if is_first_process():
            write_json(workdir.evaluation, results)
    except OSError as error:
        say(f"cannot write {workdir.evaluation}: {error.strerror}; the results are only printed")
    return results


def _denoised(
    workload: DenoisingWorkload,
    restored: Restored[dict[str, Any]],
    options: RunOptions,
    changed: str,
) -> dict[str, Any]:
    """Evaluates a denoiser, prints the tables, and returns the content of ``eval.json``."""
    params = restored.state["params"]
    evaluation = workload.evaluate(params)
    measures, _ = workload.grid(params)
    say(results_table(evaluation))
    baseline_results, _ = evaluate_baselines(
        workload, params, say if options.baselines else None, bm3d=options.bm3d
    )
    record = evaluation_record(workload, evaluation, measures, restored.step, baseline_results)
    say_baselines(record, changed)
    say(artifacts_line(measures))
    return record


def _changed(trained: Experiment, workload: DenoisingWorkload) -> str:
    """Says on which other noise and data the network was trained; empty if on the same."""
    tested = workload.experiment
    pairs = [(trained.data.short_name, tested.data.short_name)]
    if "corruption" not in workload.parts:
        pairs.append((trained.noise.label, tested.noise.label))
    differing = [f"trained on {was}, tested on {now}" for was, now in pairs if was != now]
    return "; ".join(differing)


def recover_config(options: RunOptions) -> None:
    """Restores a missing ``config.json`` from the newest checkpoint, if there is one.

    It is missing if the file was lost, or if the checkpoints are in a bucket and the workdir is new
    on this machine.
    """
    workdir = Workdir(options.workdir)
    directory = find_checkpoints(workdir, options.checkpoint_dir)
    # Orbax has barriers of its own: either every process opens the checkpoints, or none.
    if all_agree(workdir.has_config()) or not has_checkpoints(directory):
        return
    with Checkpoints(directory, read_only=True) as checkpoints:
        record = checkpoints.newest_record()

    # Processes on other disks need the file too; on a shared disk the first one has written it.
    def restore() -> None:
        if record is not None and not workdir.has_config():
            workdir.path.mkdir(parents=True, exist_ok=True)
            write_json(workdir.config, record["config"])
            if options.checkpoint_dir:
                record_checkpoints(workdir, options.checkpoint_dir)
            say(f"{workdir.config} is restored from a checkpoint in {directory}")

    first_process_first(restore)
