"""Commands on one run: training, evaluation, denoising, sampling, probing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aedenoise.cli import values
from aedenoise.cli.experiments import read_experiment, read_named, read_overrides
from aedenoise.cli.flags import FLAGS, spell
from aedenoise.cli.process import quiet_libraries
from aedenoise.config import Experiment, first_difference, override, replace
from aedenoise.errors import CheckpointError, UsageError
from aedenoise.exports.formats import is_file_of_network
from aedenoise.runtime.preemption import StopSignals

if TYPE_CHECKING:
    from aedenoise.inference.denoiser import Denoiser


def train_run(signals: StopSignals) -> int:
    """Trains a network, or continues an unfinished run."""
    experiment = read_experiment()
    from aedenoise.training.workdir import Workdir, default_workdir

    options = values.run_options(default_workdir(experiment, read_named()))
    hosts = values.host_options()
    # Refused before JAX is imported.
    if options.overwrite:
        Workdir(options.workdir).check_replaceable()
    else:
        Workdir(options.workdir).check(experiment)
    quiet_libraries()
    from aedenoise.reporting.console import say
    from aedenoise.runs.train import train
    from aedenoise.runtime.distributed import join_hosts

    signals.forward = join_hosts(hosts, say)
    results = train(experiment, options, signals)
    return values.preempt_exit_code() if results is None else 0


def evaluate(_: StopSignals) -> int:
    """Evaluates a checkpoint of a run."""
    folder = _workdir()
    checkpoint = values.checkpoint_choice()
    options, hosts = values.run_options(folder), values.host_options()
    from aedenoise.training.workdir import Workdir

    workdir = Workdir(folder)
    quiet_libraries()
    # With --checkpoint_dir hosts may have disks of their own, of which some have the run's config.
    recover = bool(options.checkpoint_dir) or (
        not workdir.has_config() and workdir.checkpoints.exists()
    )
    if recover:
        from aedenoise.runs.evaluate import recover_config
        from aedenoise.runtime.distributed import join_hosts

        join_hosts(hosts)
        recover_config(options)
    experiment = _restored(folder, "eval", ("noise", "data"))[1]
    from aedenoise.runs.evaluate import evaluate_run
    from aedenoise.runtime.distributed import join_hosts

    if not recover:
        join_hosts(hosts)
    evaluate_run(experiment, options, checkpoint)
    return 0


def _restored(folder: Path, mode: str, free: Sequence[str]) -> tuple[Experiment, Experiment]:
    """Reads the experiment of a run; returns it, and it with flags applied to its free parts."""
    from aedenoise.training.checkpoint_place import find_checkpoints
    from aedenoise.training.workdir import Workdir

    workdir = Workdir(folder)
    trained = workdir.read_experiment()
    place = find_checkpoints(workdir, FLAGS.checkpoint_dir)
    if place == workdir.checkpoints and not any(workdir.checkpoints.glob("[0-9]*")):
        lost = workdir.results.is_file()
        raise CheckpointError(
            f"{workdir.path} has {'lost its checkpoints' if lost else 'no checkpoint yet'}; train "
            f"{'again with --overwrite' if lost else 'there first'}, or give --checkpoint_dir"
        )
    given = read_overrides()
    fixed = trained
    if any(field.startswith("noise.") for field in given):
        fixed = trained.tested_on(trained.noise)
    experiment, _ = override(fixed, given, adapt=False)
    own = {part: getattr(trained, part) for part in free}
    changed = first_difference(fixed, replace(experiment, own))
    if changed or FLAGS.experiment is not None:
        raise UsageError(
            f"{spell(mode)} takes the experiment from the workdir; only {' and '.join(free)} can "
            f"be changed, not {changed.split(' (')[0] if changed else 'the experiment'}"
        )
    return trained, experiment


def _workdir() -> Path:
    """Returns ``--workdir``, which the command needs."""
    return values.workdir() or Path()


def denoise(_: StopSignals) -> int:
    """Denoises the user's own images."""
    from aedenoise.training.workdir import Workdir

    options = values.denoise_options()
    folder, checkpoint = values.workdir(), values.checkpoint_choice()
    place = values.checkpoint_dir(folder)
    if folder is None and checkpoint != "newest":
        raise UsageError("--checkpoint needs --workdir; the packaged network has only one")
    if folder is not None and options.network != "auto":
        raise UsageError("--network chooses a packed network; leave out --workdir or --network")
    if folder is not None and not is_file_of_network(folder):
        Workdir(folder).read_experiment()  # refused before JAX is imported
    quiet_libraries()
    from aedenoise.exports.sources import load_denoiser_from
    from aedenoise.inference.denoise_files import denoise_files
    from aedenoise.inference.network_choice import PackedNetworks
    from aedenoise.inference.saved_run import describe_loss_of_quality, describe_unfinished
    from aedenoise.reporting.console import warn
    from aedenoise.runtime.process import prepare_process

    prepare_process(warn)
    if folder is None:
        denoise_files(PackedNetworks(), options)
    else:
        denoiser = load_denoiser_from(folder, checkpoint, checkpoint_dir=place)
        if not is_file_of_network(folder):
            run = Workdir(folder)
            if line := describe_unfinished(run, denoiser.step) or describe_loss_of_quality(run):
                warn(line)
        if options.uncertainty and denoiser.calibration is None:
            _calibrate(denoiser, folder)
        denoise_files(denoiser, options)
    return 0


def _calibrate(denoiser: Denoiser, folder: Path) -> None:
    """Calibrates the intervals of a run that was not calibrated before."""
    if is_file_of_network(folder):
        raise UsageError(f"{folder} has no calibration; --uncertainty needs the folder of its run")
    from aedenoise.reporting.console import warn
    from aedenoise.runs.calibrate import calibrate_run, check_has_clean

    check_has_clean(denoiser.experiment)
    warn(f"{folder} has no calibration of this checkpoint: calibrating on half of its test images")
    denoiser.calibration = calibrate_run(values.run_options(folder), denoiser=denoiser, notify=warn)


def calibrate(_: StopSignals) -> int:
    """Calibrates the intervals of a run."""
    folder, checkpoint = _workdir(), values.checkpoint_choice()
    options = values.run_options(folder)
    _restored(folder, "calibrate", ())
    quiet_libraries()
    from aedenoise.reporting.console import say
    from aedenoise.runs.calibrate import calibrate_run, coverage_table
    from aedenoise.runtime.process import prepare_process

    prepare_process(say)
    say(coverage_table(calibrate_run(options, checkpoint).record))
    return 0


def export_run(_: StopSignals) -> int:
    """Writes a network to a file for other programs."""
    folder, checkpoint = values.workdir(), values.checkpoint_choice()
    place = values.checkpoint_dir(folder)
    options, runs = values.export_options(folder), values.run_folders()
    if folder is None and checkpoint != "newest":
        raise UsageError("--checkpoint needs --workdir; the packaged network has only one")
    packed = None if FLAGS.network == "auto" else FLAGS.network
    if packed is not None and (folder is not None or runs):
        raise UsageError("--network chooses a packed network; give it alone")
    if runs and (options.format != "html" or folder is not None):
        raise UsageError("--runs is for a page of several runs: --format=html, without --workdir")
    if folder is not None and not is_file_of_network(folder):
        from aedenoise.training.workdir import Workdir

        Workdir(folder).read_experiment()  # refused before JAX is imported
    quiet_libraries()
    from aedenoise.exports.exporting import export_network, export_page
    from aedenoise.exports.sources import find_network
    from aedenoise.reporting.console import say, warn
    from aedenoise.runtime.process import prepare_process

    prepare_process(warn)
    if runs:
        say(str(export_page(runs, options)))
    else:
        found = find_network(folder, checkpoint, checkpoint_dir=place, packed=packed)
        say(str(export_network(found, options)))
    return 0


def sample_run(_: StopSignals) -> int:
    """Makes images with the generator of a GAN."""
    folder, checkpoint = _workdir(), values.checkpoint_choice()
    count, seed, target = values.sample_choice(folder)
    quiet_libraries()
    from aedenoise.inference.generator import load_generator
    from aedenoise.inference.sample_images import sample
    from aedenoise.reporting.console import warn
    from aedenoise.runtime.process import prepare_process

    prepare_process(warn)
    generator = load_generator(folder, checkpoint, values.checkpoint_dir(folder))
    sample(generator, count, seed, target, overwrite=FLAGS.overwrite)
    return 0


def probe_run(signals: StopSignals) -> int:
    """Classifies images by the code of a run."""
    folder = _workdir()
    choice, checkpoint = values.probe_options(), values.checkpoint_choice()
    options = values.run_options(folder)
    trained, experiment = _restored(folder, "probe", ("data",))
    quiet_libraries()
    from aedenoise.studies.probing.probe import probe

    found = probe(trained, options, choice, signals, checkpoint=checkpoint, data=experiment.data)
    return values.preempt_exit_code() if found is None else 0
