"""Evaluation of a checkpoint, on the run's own data and noise or on others."""

from __future__ import annotations

from typing import Any

from aedenoise.config import Experiment
from aedenoise.config.options import RunOptions
from aedenoise.data.reading import Dataset
from aedenoise.files import write_json
from aedenoise.reporting.console import artifacts_line, results_table
from aedenoise.runs.baselines import evaluate_baselines
from aedenoise.runs.denoising import DenoisingWorkload
from aedenoise.runs.figures import say_baselines, start_line
from aedenoise.runs.gan import GanWorkload
from aedenoise.runs.gan_hooks import gan_record, say_gan
from aedenoise.runs.hooks import say
from aedenoise.runs.kinds import make_workload
from aedenoise.runs.records import evaluation_record
from aedenoise.runtime.distributed import all_agree, first_process_first, is_first_process
from aedenoise.runtime.process import prepare_process
from aedenoise.training.checkpoint_folders import has_checkpoints
from aedenoise.training.checkpoints import Checkpoints, Restored
from aedenoise.training.components import NO_COMPONENTS, Components
from aedenoise.training.sharding import devices_here
from aedenoise.training.workdir import Workdir, checkpoint_place


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
      experiment: experiment of the run (``Workdir.read_experiment``), or a variant that differs
        in data or noise only.
      options: run options; workdir, checkpoint_dir, data_dir and parallel are used.
      checkpoint: ``newest``, ``best`` (by test PSNR; for GANs by Frechet distance) or a step.
      components: custom parts passed from Python; a model or decoder must be that of the run.
      dataset: data passed from Python, in place of the experiment's.

    Returns:
      The content of ``eval.json``: step, data, noise, and the scores.
    """
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
    like = workload.params_like()
    restored: Restored[dict[str, Any]]
    with Checkpoints(checkpoint_place(options), read_only=True, notify=say) as checkpoints:
        restored = checkpoints.restore_params(like, checkpoints.choose(checkpoint))
    say(start_line(workload, options))
    say(f"checkpoint of step {restored.step} of {workdir.read_config()['total_steps']}")
    if isinstance(workload, GanWorkload):
        workload.prepare()
        results = {
            "step": restored.step,
            **gan_record(workload, restored.state["average"], options.baselines),
        }
        say_gan(results)
    else:
        results = _denoised(workload, restored, options)
    # A workdir may be read-only; the results are printed and returned all the same.
    try:
        if is_first_process():
            write_json(workdir.evaluation, results)
    except OSError as error:
        say(f"(cannot write {workdir.evaluation}: {error.strerror})")
    return results


def _denoised(
    workload: DenoisingWorkload, restored: Restored[dict[str, Any]], options: RunOptions
) -> dict[str, Any]:
    """Evaluates a denoiser, prints the scores, and returns the content of ``eval.json``."""
    params = restored.state["params"]
    evaluation = workload.evaluate(params)
    measures, _ = workload.grid(params)
    say(results_table(evaluation))
    baseline_results, _ = evaluate_baselines(workload, params, say if options.baselines else None)
    say_baselines(baseline_results)
    say(artifacts_line(measures))
    return evaluation_record(workload, evaluation, measures, restored.step, baseline_results)


def recover_config(options: RunOptions) -> None:
    """Restores a missing ``config.json`` from the newest checkpoint, if there is one.

    The file may be lost, or the workdir may be new on this machine with checkpoints elsewhere.
    """
    workdir = Workdir(options.workdir)
    directory = checkpoint_place(options)
    if all_agree(workdir.config.exists()) or not has_checkpoints(directory):
        return
    with Checkpoints(directory, read_only=True) as checkpoints:
        record = checkpoints.newest_record()

    def restore() -> None:  # in every process: each may have its own disk
        if record is not None and not workdir.config.exists():
            workdir.path.mkdir(parents=True, exist_ok=True)
            write_json(workdir.config, record["config"])
            say(f"{workdir.config} restored from a checkpoint in {directory}")

    first_process_first(restore)
