"""Modes of several runs: comparisons, maps, changed classes."""

from __future__ import annotations

from pathlib import Path

from aedenoise import cli
from aedenoise.cli import FLAGS
from aedenoise.cli.common import named_experiment, quiet_libraries
from aedenoise.config import Experiment, replace
from aedenoise.errors import UsageError
from aedenoise.runtime.preemption import StopSignals


def compare_decoders(signals: StopSignals) -> int:
    """Trains a grid of decoders, noise levels and seeds."""
    from aedenoise.config.registry import find_study
    from aedenoise.config.study import Study

    for flag, instead in cli.PER_DECODER.items():
        if FLAGS[flag].value is not None:
            raise UsageError(f"--mode=compare does not take --{flag}; use {instead}")
    named = Study(base=Experiment()) if FLAGS.experiment is None else find_study(FLAGS.experiment)
    study = cli.with_grid(named)
    options = cli.run_options(Path("runs") / f"compare-{study.name or 'decoders'}")
    part = cli.parse_shard(FLAGS.part)
    if FLAGS.seeds_at_once < 0:
        raise UsageError(f"seeds_at_once must be 0 (automatic) or more: {FLAGS.seeds_at_once}")
    quiet_libraries()
    from aedenoise.studies.comparison.compare import compare

    complete = compare(study, options, signals, seeds_at_once=FLAGS.seeds_at_once, shard=part)
    stopped = not complete and signals.received is not None
    return cli.preempt_exit_code() if stopped else 0


def map_robustness(signals: StopSignals) -> int:
    """Trains on some noises, tests on others."""
    base = replace(named_experiment(), cli.overrides())
    options = cli.run_options(Path("runs") / f"robustness-{base.label}")
    train = cli.noises(FLAGS.train_noises, base.noise)
    if not train:
        raise UsageError("--mode=robustness needs --train_noises, as gaussian:0.4,masking:0.25")
    test = cli.noises(FLAGS.test_noises, base.noise) or train
    quiet_libraries()
    from aedenoise.studies.robustness import RobustnessPlan, robustness

    found = robustness(RobustnessPlan(base, train, test), options, signals)
    return cli.preempt_exit_code() if found is None else 0


def count_changes(signals: StopSignals) -> int:
    """Counts the images whose class a denoiser changes."""
    from aedenoise.config.study import parse_decoder

    levels = cli.listed("noise_levels", float)
    runs = [Path(run).expanduser() for run in cli.listed("runs", str)]
    decoders = cli.listed("decoders", str) or ("upsample", "transpose:k3")
    base = named_experiment()
    if runs:
        cli.refuse_training(
            "--runs are trained already; --noise_levels says what they are tested on"
        )
        if FLAGS.decoders is not None or FLAGS.experiment is not None:
            raise UsageError("--runs are trained already: give no --decoders and no --experiment")
    else:
        for flag in ("decoder", "order", "tail", "icnr"):
            if FLAGS[flag].value is not None:
                instead = cli.PER_DECODER[flag]
                raise UsageError(f"--mode=invent does not take --{flag}; use {instead}")
        base = replace(base, cli.overrides())
        for decoder in decoders:
            parse_decoder(decoder, base.model)
    name = "runs" if runs else base.data.short_name
    options = cli.run_options(Path("runs") / f"invent-{name}")
    quiet_libraries()
    from aedenoise.studies.hallucination.hallucination import (
        measure_hallucination,
        networks_of_decoders,
        networks_of_runs,
    )

    networks = (
        networks_of_runs(runs, levels)
        if runs
        else networks_of_decoders(base, decoders, levels, options.workdir)
    )
    found = measure_hallucination(networks, options, signals)
    return cli.preempt_exit_code() if found is None else 0
