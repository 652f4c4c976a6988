"""Modes of one run: training, evaluation, the user's images, the code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aedenoise import flags
from aedenoise.commands.common import named_experiment, quiet_libraries
from aedenoise.errors import CheckpointError, UsageError
from aedenoise.experiment import Experiment, first_difference, replace
from aedenoise.flags import FLAGS
from aedenoise.training.preemption import StopSignals


def train_run(signals: StopSignals) -> int:
    """Trains, or goes on with a run."""
    experiment = replace(named_experiment(), flags.overrides())
    options = flags.run_options(Path("runs") / experiment.label)
    hosts = flags.host_options()
    if not options.overwrite:
        from aedenoise.workdir import Workdir

        # `train` claims it again; claimed here, a refusal comes before JAX is imported.
        Workdir(options.workdir).claim(experiment, overwrite=False)
    quiet_libraries()
    from aedenoise.modes.train import train
    from aedenoise.reporting.console import say
    from aedenoise.training.hosts import join_hosts

    signals.forward = join_hosts(hosts, say)
    results = train(experiment, options, signals)
    return flags.preempt_exit_code() if results is None else 0


def evaluate() -> int:
    """Evaluates a checkpoint of a run."""
    folder = flags.workdir()
    if folder is None:
        raise UsageError("--mode=eval needs --workdir, the folder of a trained run")
    checkpoint = flags.checkpoint_choice()
    options, hosts = flags.run_options(folder), flags.host_options()
    from aedenoise.workdir import Workdir

    workdir = Workdir(folder)
    quiet_libraries()
    # With --checkpoint_dir hosts may have disks of their own, of which some have the run's config.
    recover = bool(options.checkpoint_dir) or (
        not workdir.config.exists() and workdir.checkpoints.exists()
    )
    if recover:
        from aedenoise.modes.evaluate import recover_config
        from aedenoise.training.hosts import join_hosts

        join_hosts(hosts)
        recover_config(options)
    _, experiment = _restored(folder, "eval", ("noise", "data"))
    from aedenoise.modes.evaluate import evaluate_run
    from aedenoise.training.hosts import join_hosts

    if not recover:
        join_hosts(hosts)
    evaluate_run(experiment, options, checkpoint)
    return 0


def _restored(folder: Path, mode: str, free: Sequence[str]) -> tuple[Experiment, Experiment]:
    """The experiment of the run in ``folder``, and what flags make of its ``free`` parts."""
    from aedenoise.workdir import Workdir

    workdir = Workdir(folder)
    trained = workdir.read_experiment()
    if not FLAGS.checkpoint_dir and not any(workdir.checkpoints.glob("[0-9]*")):
        raise CheckpointError(f"{workdir.path} has no checkpoint yet; train there first")
    overrides = flags.overrides()
    fixed = trained
    if any(field.startswith("noise.") for field in overrides):
        fixed = trained.tested_on(trained.noise)
    experiment = replace(fixed, overrides)
    own = {part: getattr(trained, part) for part in free}
    changed = first_difference(fixed, replace(experiment, own))
    if changed or FLAGS.experiment is not None:
        raise UsageError(
            f"--mode={mode} takes the experiment from the workdir; only {' and '.join(free)} can "
            f"be changed, not {changed.split(' (')[0] if changed else 'the experiment'}"
        )
    return trained, experiment


def denoise() -> int:
    """Denoises the user's own images."""
    options = flags.denoise_options()
    folder, checkpoint = flags.workdir(), flags.checkpoint_choice()
    if folder is None and checkpoint != "newest":
        raise UsageError("--checkpoint is of a --workdir; the packed network has but one")
    if folder is not None:
        from aedenoise.workdir import Workdir

        Workdir(folder).read_experiment()  # refused before JAX is imported
    quiet_libraries()
    from aedenoise.evaluation.denoiser import load_denoiser
    from aedenoise.evaluation.pretrained import load_pretrained
    from aedenoise.modes.denoise import denoise_files
    from aedenoise.reporting.console import warn
    from aedenoise.runtime import prepare_process

    prepare_process(warn)
    denoiser = load_pretrained() if folder is None else load_denoiser(folder, checkpoint)
    denoise_files(denoiser, options)
    return 0


def sample_run() -> int:
    """Makes images with the generator of a GAN."""
    folder, checkpoint = flags.workdir(), flags.checkpoint_choice()
    if folder is None:
        raise UsageError("--mode=sample needs --workdir, the folder of a trained GAN")
    flags.refuse_training("--mode=sample takes a trained GAN", "seed")
    if FLAGS.experiment is not None:
        raise UsageError("--mode=sample takes the GAN in --workdir, not --experiment")
    count, seed, target = flags.sample_choice(folder)
    quiet_libraries()
    from aedenoise.gan.generator import load_generator
    from aedenoise.modes.sample import sample
    from aedenoise.reporting.console import warn
    from aedenoise.runtime import prepare_process

    prepare_process(warn)
    sample(load_generator(folder, checkpoint), count, seed, target, overwrite=FLAGS.overwrite)
    return 0


def probe_run(signals: StopSignals) -> int:
    """Asks what the code of a run is good for."""
    folder = flags.workdir()
    if folder is None:
        raise UsageError("--mode=probe needs --workdir, the folder of a trained run")
    choice, checkpoint = flags.probe_options(), flags.checkpoint_choice()
    options = flags.run_options(folder)
    trained, experiment = _restored(folder, "probe", ("data",))
    quiet_libraries()
    from aedenoise.modes.probe import probe

    found = probe(trained, options, choice, signals, checkpoint=checkpoint, data=experiment.data)
    return flags.preempt_exit_code() if found is None else 0
