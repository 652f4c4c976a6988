"""The command line: flags in, an experiment out, then one mode runs.

python -m aedenoise.main --decoder=upsample --dataset=notmnist

Nothing heavy is imported before the flags are known to be right.
"""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from signal import Handlers, Signals, signal
from typing import Any

from absl import app
from absl import flags as absl_flags

from aedenoise import flags
from aedenoise.errors import CheckpointError, Stopped, UsageError, report
from aedenoise.experiment import DATASETS, Experiment, first_difference, replace
from aedenoise.flags import FLAGS
from aedenoise.training.preemption import StopSignals


def main(argv: Sequence[str]) -> int:
    """Runs the mode that the parsed flags ask for; returns the exit code."""
    with StopSignals(give_up=_give_up) as signals:
        try:
            return _run(argv, signals)
        except Stopped as stopped:
            return _stopped(stopped)
        except Exception as error:
            return report(error, debug=FLAGS.debug)


def _run(argv: Sequence[str], signals: StopSignals) -> int:
    if len(argv) > 1:
        raise UsageError(f"unexpected argument {argv[1]!r}; flags look like --decoder=transpose")
    flags.check_mode()
    flags.preempt_exit_code()
    if FLAGS.experiment == "list":
        _list_experiments()
        return 0
    if FLAGS.mode == "train":
        return _train(signals)
    if FLAGS.mode == "compare":
        return _compare(signals)
    if FLAGS.mode == "robustness":
        return _robustness(signals)
    if FLAGS.mode == "invent":
        return _invent(signals)
    if FLAGS.mode == "probe":
        return _probe(signals)
    modes = {
        "eval": _evaluate,
        "denoise": _denoise,
        "data": _describe_data,
        "artifacts": _show_artifacts,
        "report": _report,
        "doctor": _examine,
    }
    return modes[FLAGS.mode]()


def _stopped(stopped: Stopped) -> int:
    """After a signal that came while there was nothing to save."""
    if FLAGS.mode not in ("train", "compare", "robustness", "invent", "probe"):
        return report(stopped, debug=FLAGS.debug)
    from aedenoise.reporting.console import say

    say(f"{stopped}: stopped, with nothing left to save; the same command goes on")
    return flags.preempt_exit_code()


def _give_up(number: Signals) -> None:
    """The same, where foreign code holds the main thread."""
    code = _stopped(Stopped(number))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _train(signals: StopSignals) -> int:
    experiment = replace(_named_experiment(), flags.overrides())
    options = flags.run_options(Path("runs") / experiment.label)
    hosts = flags.host_options()
    if not options.overwrite:
        from aedenoise.workdir import Workdir

        # `train` claims it again; claimed here, a refusal comes before JAX is imported.
        Workdir(options.workdir).claim(experiment, overwrite=False)
    _quiet_libraries()
    from aedenoise.modes import train
    from aedenoise.reporting.console import say
    from aedenoise.training.hosts import join_hosts

    signals.forward = join_hosts(hosts, say)
    results = train(experiment, options, signals)
    return flags.preempt_exit_code() if results is None else 0


def _describe_data() -> int:
    data = replace(_named_experiment(), flags.overrides()).data
    name = data.dataset.replace("/", "-") if data.dataset in DATASETS else data.short_name
    _quiet_libraries()
    from aedenoise.datasheet import data_sheet

    folder = flags.workdir() or Path("sheets")
    data_sheet(data, flags.run_options(folder), folder / f"{name}.png")
    return 0


def _evaluate() -> int:
    folder = flags.workdir()
    if folder is None:
        raise UsageError("--mode=eval needs --workdir, the folder of a trained run")
    checkpoint = flags.checkpoint_choice()
    options, hosts = flags.run_options(folder), flags.host_options()
    from aedenoise.workdir import Workdir

    workdir = Workdir(folder)
    _quiet_libraries()
    # With --checkpoint_dir hosts may have disks of their own, of which some have the run's config.
    recover = bool(options.checkpoint_dir) or (
        not workdir.config.exists() and workdir.checkpoints.exists()
    )
    if recover:
        from aedenoise.modes import recover_config
        from aedenoise.training.hosts import join_hosts

        join_hosts(hosts)
        recover_config(options)
    _, experiment = _restored(folder, "eval", ("noise", "data"))
    from aedenoise.modes import evaluate_run
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
    experiment = replace(trained, flags.overrides())
    own = {part: getattr(trained, part) for part in free}
    changed = first_difference(trained, replace(experiment, own))
    if changed or FLAGS.experiment is not None:
        raise UsageError(
            f"--mode={mode} takes the experiment from the workdir; only {' and '.join(free)} can "
            f"be changed, not {changed.split(' (')[0] if changed else 'the experiment'}"
        )
    return trained, experiment


def _denoise() -> int:
    options = flags.denoise_options()
    folder, checkpoint = flags.workdir(), flags.checkpoint_choice()
    if folder is None and checkpoint != "newest":
        raise UsageError("--checkpoint is of a --workdir; the packed network has but one")
    if folder is not None:
        from aedenoise.workdir import Workdir

        Workdir(folder).read_experiment()  # refused before JAX is imported
    _quiet_libraries()
    from aedenoise.denoise import denoise_files
    from aedenoise.evaluation.denoiser import load_denoiser
    from aedenoise.evaluation.pretrained import load_pretrained
    from aedenoise.reporting.console import warn
    from aedenoise.runtime import prepare_process

    prepare_process(warn)
    denoiser = load_pretrained() if folder is None else load_denoiser(folder, checkpoint)
    denoise_files(denoiser, options)
    return 0


def _show_artifacts() -> int:
    experiment = replace(_named_experiment(), flags.overrides())
    _quiet_libraries()
    from aedenoise.gallery import decoder_gallery

    folder = flags.workdir() or Path("sheets")
    decoder_gallery(experiment.model, experiment.seed, folder / "artifacts.png")
    return 0


def _compare(signals: StopSignals) -> int:
    from aedenoise.named import find_study
    from aedenoise.study.design import Study

    for flag, instead in flags.PER_DECODER.items():
        if FLAGS[flag].value is not None:
            raise UsageError(f"--mode=compare does not take --{flag}; use {instead}")
    named = Study(base=Experiment()) if FLAGS.experiment is None else find_study(FLAGS.experiment)
    study = flags.with_grid(named)
    options = flags.run_options(Path("runs") / f"compare-{study.name or 'decoders'}")
    part = flags.part_of(FLAGS.part)
    if FLAGS.seeds_at_once < 0:
        raise UsageError(f"seeds_at_once must be 0 (automatic) or more: {FLAGS.seeds_at_once}")
    _quiet_libraries()
    from aedenoise.compare import compare

    complete = compare(study, options, signals, seeds_at_once=FLAGS.seeds_at_once, part=part)
    stopped = not complete and signals.received is not None
    return flags.preempt_exit_code() if stopped else 0


def _robustness(signals: StopSignals) -> int:
    base = replace(_named_experiment(), flags.overrides())
    options = flags.run_options(Path("runs") / f"robustness-{base.label}")
    train = flags.noises(FLAGS.train_noises, base.noise)
    if not train:
        raise UsageError("--mode=robustness needs --train_noises, as gaussian:0.4,masking:0.25")
    test = flags.noises(FLAGS.test_noises, base.noise) or train
    _quiet_libraries()
    from aedenoise.robustness import RobustnessPlan, robustness

    found = robustness(RobustnessPlan(base, train, test), options, signals)
    return flags.preempt_exit_code() if found is None else 0


def _invent(signals: StopSignals) -> int:
    from aedenoise.study.design import model_of

    levels = flags.listed("noise_levels", float)
    runs = [Path(run).expanduser() for run in flags.listed("runs", str)]
    decoders = flags.listed("decoders", str) or ("upsample", "transpose:k3")
    base = _named_experiment()
    if runs:
        flags.refuse_training(
            "--runs are trained already; --noise_levels says what they are tested on"
        )
        if FLAGS.decoders is not None or FLAGS.experiment is not None:
            raise UsageError("--runs are trained already: give no --decoders and no --experiment")
    else:
        for flag in ("decoder", "order", "tail", "icnr"):
            if FLAGS[flag].value is not None:
                instead = flags.PER_DECODER[flag]
                raise UsageError(f"--mode=invent does not take --{flag}; use {instead}")
        base = replace(base, flags.overrides())
        for decoder in decoders:
            model_of(decoder, base.model)
    name = "runs" if runs else base.data.short_name
    options = flags.run_options(Path("runs") / f"invent-{name}")
    _quiet_libraries()
    from aedenoise.invent import invent, networks_of_decoders, networks_of_runs

    networks = (
        networks_of_runs(runs, levels)
        if runs
        else networks_of_decoders(base, decoders, levels, options.workdir)
    )
    found = invent(networks, options, signals)
    return flags.preempt_exit_code() if found is None else 0


def _probe(signals: StopSignals) -> int:
    folder = flags.workdir()
    if folder is None:
        raise UsageError("--mode=probe needs --workdir, the folder of a trained run")
    choice, checkpoint = flags.probe_options(), flags.checkpoint_choice()
    options = flags.run_options(folder)
    trained, experiment = _restored(folder, "probe", ("data",))
    _quiet_libraries()
    from aedenoise.probe import probe

    found = probe(trained, options, choice, signals, checkpoint=checkpoint, data=experiment.data)
    return flags.preempt_exit_code() if found is None else 0


def _report() -> int:
    folder = flags.workdir()
    runs = [Path(run).expanduser() for run in FLAGS.runs or ()]
    if (folder is None) == (not runs):
        raise UsageError(
            "--mode=report needs --workdir, the folder of a run or a comparison, or --runs=A,B"
        )
    _quiet_libraries()
    from aedenoise.pages import write_page
    from aedenoise.reporting.console import say

    if folder is not None and not (folder / "config.json").exists():
        from aedenoise.compare import report_study

        report_study(folder)
        return 0
    runs = runs or [folder or Path()]
    target = Path(FLAGS.output or (runs[0] if folder else Path()) / "report.html").expanduser()
    write_page(runs, target)
    say(f"{target} shows {', '.join(map(str, runs))}")
    return 0


def _examine() -> int:
    experiment = replace(_named_experiment(), flags.overrides())
    options = flags.run_options(Path("runs") / experiment.label)
    _quiet_libraries()
    from aedenoise.doctor import examine

    return examine(experiment, options)


def _named_experiment() -> Experiment:
    if FLAGS.experiment is None:
        return Experiment()
    from aedenoise.named import find_experiment

    return find_experiment(FLAGS.experiment)


def _list_experiments() -> None:
    from aedenoise.named import named_experiments
    from aedenoise.reporting.console import say

    for name, document in named_experiments().items():
        say(f"{name:<26}{document.strip().splitlines()[0]}")


def _quiet_libraries() -> None:
    """Keeps libraries' chatter off the screen; warnings that matter are raised as errors."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from absl import logging

    logging.set_verbosity(logging.ERROR)
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    print_unraisable = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        # What Orbax leaves of a failed restore complains of it after our one line; and a signal
        # may come while a callback of the garbage collector runs.
        expected = (
            inspect.iscoroutine(unraisable.object)
            or str(unraisable.exc_value) == "Event loop is closed"
            or isinstance(unraisable.exc_value, Stopped)
        )
        if not expected:
            print_unraisable(unraisable)

    sys.unraisablehook = hook


def _parse(argv: Sequence[str]) -> list[str]:
    """Parses flags; help and errors are answered here, in our own form and exit codes."""
    if any(argument in ("--help", "-help", "-h", "--helpshort", "-helpshort") for argument in argv):
        from aedenoise.reporting.console import say

        modes = [argument.partition("=")[2] for argument in argv if argument.startswith("--mode=")]
        say(flags.help_text(*modes[-1:]))
        raise SystemExit(0)
    if any(argument.startswith(("--jax_", "--nojax_")) for argument in argv):
        import jax

        jax.config.config_with_absl()
    try:
        return list(FLAGS(list(argv)))
    except absl_flags.Error as error:
        raise SystemExit(report(UsageError(str(error)), debug=False)) from None


def _main_and_leave(argv: Sequence[str]) -> int:
    """``main``; a signal that comes while the interpreter is taken down changes nothing of it."""
    code = main(argv)
    for number in (Signals.SIGTERM, Signals.SIGINT):
        signal(number, Handlers.SIG_IGN)
    return code


def run() -> None:
    """The console script ``aedenoise``."""
    app.run(_main_and_leave, flags_parser=_parse)


if __name__ == "__main__":
    run()
