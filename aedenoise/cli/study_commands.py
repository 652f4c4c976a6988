"""Commands of several runs: comparison, robustness, hallucination."""

from __future__ import annotations

from pathlib import Path

from aedenoise.cli import values
from aedenoise.cli.experiments import adapt, read_experiment, read_named, read_overrides
from aedenoise.cli.flags import DEFINED, FLAGS
from aedenoise.cli.grid import parse_shard, read_study
from aedenoise.cli.process import quiet_libraries
from aedenoise.config import Experiment
from aedenoise.config.fields import check_most
from aedenoise.config.run_names import run_name, suffix
from aedenoise.config.validation import local_path
from aedenoise.errors import UsageError
from aedenoise.runtime.preemption import StopSignals

# Flags of one network, for which several decoders have a spelling of their own.
PER_DECODER = {
    "decoder": "--decoders=upsample,transpose:k4",
    "order": "--decoders=upsample:resize_conv",
    "tail": "--decoders=transpose:notail",
    "icnr": "--decoders=subpixel:noicnr",
}


def compare_decoders(signals: StopSignals) -> int:
    """Trains a grid of decoders, noise levels and seeds."""
    study = read_study()
    options = values.run_options(Path("runs") / f"compare-{study.name or 'decoders'}")
    shard = parse_shard(FLAGS.part)
    if FLAGS.seeds_at_once < 0:
        raise UsageError(f"seeds_at_once must be 0 (automatic) or more: {FLAGS.seeds_at_once}")
    check_most("seeds_at_once", FLAGS.seeds_at_once, 1000)
    quiet_libraries()
    from aedenoise.studies.comparison.compare import compare

    complete = compare(study, options, signals, seeds_at_once=FLAGS.seeds_at_once, shard=shard)
    stopped = not complete and signals.received is not None
    return values.preempt_exit_code() if stopped else 0


def map_robustness(signals: StopSignals) -> int:
    """Trains on some noises, tests on others."""
    base = read_experiment()
    options = values.run_options(Path("runs") / f"robustness-{run_name(base, read_named())}")
    train = values.noises(FLAGS.train_noises, base.noise)
    test = values.noises(FLAGS.test_noises, base.noise) or train
    quiet_libraries()
    from aedenoise.studies.robustness import RobustnessPlan, robustness

    found = robustness(RobustnessPlan(base, train, test), options, signals)
    return values.preempt_exit_code() if found is None else 0


def count_label_flips(signals: StopSignals) -> int:
    """Counts the images whose class a denoiser changes."""
    from aedenoise.config.study import with_decoder

    levels = values.listed("noise_levels", float)
    runs = [local_path("--runs", run) for run in values.listed("runs", str)]
    decoders = values.listed("decoders", str) or ("upsample", "transpose:k3")
    base = read_named()
    if runs:
        _refuse_training()
    else:
        base = adapt(base, read_overrides())
        for decoder in decoders:
            with_decoder(base, decoder)
    if FLAGS.checkpoint_dir and len(runs) != 1:
        raise UsageError("--checkpoint_dir is for a single run of --runs; others know their own")
    own = f"{base.data.short_name}{suffix(base, Experiment())}"
    name = "runs" if runs else run_name(base, read_named()) if base.name else own
    folder, first = (Path("runs") / f"{word}-{name}" for word in ("hallucination", "invent"))
    # Version 0.1.0 had the other name; what it began stays where it is.
    options = values.run_options(first if first.exists() and not folder.exists() else folder)
    quiet_libraries()
    from aedenoise.studies.hallucination.hallucination import measure_hallucination
    from aedenoise.studies.hallucination.networks import networks_of_decoders, networks_of_runs

    networks = (
        networks_of_runs(runs, levels)
        if runs
        else networks_of_decoders(base, decoders, levels, options.workdir)
    )
    found = measure_hallucination(networks, options, signals)
    return values.preempt_exit_code() if found is None else 0


def _refuse_training() -> None:
    """Refuses flags of an experiment where finished runs are tested."""
    for flag in DEFINED:
        if flag.field and flag.given:
            raise UsageError(
                f"--{flag.name} is for training; --runs are trained already (--noise_levels "
                "gives the noise to test on)"
            )
    if FLAGS.decoders is not None or FLAGS.experiment is not None:
        raise UsageError("--runs are trained already: give no --decoders and no --experiment")
