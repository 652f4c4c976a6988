"""The command line: flags in, an experiment out, then one mode runs.

python -m aedenoise.main --decoder=upsample --dataset=notmnist

The only module that knows flags. Nothing heavy is imported before they are known to be right.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import app, flags

from aedenoise.errors import CheckpointError, UsageError, nearest, report
from aedenoise.experiment import (
    DATASETS,
    DECODERS,
    FITS,
    LOSSES,
    LOWERINGS,
    NOISES,
    ORDERS,
    PARALLEL,
    PRECISIONS,
    SCHEDULES,
    Experiment,
    RunOptions,
    first_difference,
    replace,
)

if TYPE_CHECKING:
    from aedenoise.study.design import Study

FLAGS = flags.FLAGS
MODES = ("train", "eval", "data", "artifacts", "compare", "report")


@dataclass(frozen=True)
class _Flag:
    """A flag: its group in the help, its help, and the experiment's field that it overrides."""

    group: str
    name: str
    help: str
    field: str | None = None


_FLAGS: list[_Flag] = []


def _flag(group: str, kind: str, name: str, default: Any, text: str, field: str = "") -> None:
    """Defines an absl flag. Flags that override a field default to None: not given."""
    define: Callable[..., Any] = getattr(flags, f"DEFINE_{kind}")
    define(name, default, text)
    _FLAGS.append(_Flag(group, name, text, field or None))


def _options(names: Sequence[str]) -> str:
    return " | ".join(names)


_EXPERIMENT, _RUN, _COMPARE = "experiment", "run", "compare"
_flag(_EXPERIMENT, "string", "experiment", None, "start from a named experiment; 'list' shows them")
_flag(_EXPERIMENT, "string", "decoder", None, _options(DECODERS), "model.decoder")
_flag(
    _EXPERIMENT,
    "string",
    "dataset",
    None,
    "mnist | notmnist[/small|/large] | NAME of TFDS | folder:DIR | npz:FILE",
    "data.dataset",
)
_flag(_EXPERIMENT, "integer", "image_size", None, "side of a folder's images", "data.image_size")
_flag(_EXPERIMENT, "string", "fit", None, f"{_options(FITS)}: how they are cut", "data.fit")
_flag(_EXPERIMENT, "string", "noise", None, _options(NOISES), "noise.kind")
_flag(
    _EXPERIMENT, "float", "noise_level", None, "sigma, in units of the [0, 1] range", "noise.level"
)
_flag(_EXPERIMENT, "bool", "noise_clip", None, "clip noisy images to [0, 1]", "noise.clip")
_flag(_EXPERIMENT, "string", "loss", None, _options(LOSSES), "loss")
_flag(_EXPERIMENT, "integer", "epochs", None, "passes over the training set", "epochs")
_flag(_EXPERIMENT, "integer", "batch_size", None, "images per step, all devices", "batch_size")
_flag(_EXPERIMENT, "float", "learning_rate", None, "peak rate of Adam", "optimizer.learning_rate")
_flag(_EXPERIMENT, "string", "schedule", None, _options(SCHEDULES), "optimizer.schedule")
_flag(_EXPERIMENT, "integer", "seed", None, "of parameters, noise and order", "seed")
_flag(_EXPERIMENT, "list", "encoder_features", None, "widths, as 32,32", "model.encoder_features")
_flag(_EXPERIMENT, "list", "decoder_features", None, "widths, as 32,32", "model.decoder_features")
_flag(_EXPERIMENT, "integer", "kernel_size", None, "side of decoder kernels", "model.kernel_size")
_flag(_EXPERIMENT, "integer", "stride", None, "factor of pools and upsampling", "model.stride")
_flag(
    _EXPERIMENT,
    "string",
    "order",
    None,
    f"{_options(ORDERS)} (decoders that resize)",
    "model.order",
)
_flag(_EXPERIMENT, "bool", "tail", None, "end with a convolution of stride 1", "model.tail")
_flag(_EXPERIMENT, "bool", "icnr", None, "subpixel begins without checkerboards", "model.icnr")
_flag(_EXPERIMENT, "string", "precision", None, _options(PRECISIONS), "model.precision")
_flag(_EXPERIMENT, "integer", "train_examples", None, "use only so many", "data.train_examples")
_flag(_EXPERIMENT, "integer", "test_examples", None, "use only so many", "data.test_examples")
_flag(_RUN, "string", "mode", "train", _options(MODES))
_flag(
    _RUN,
    "string",
    "workdir",
    None,
    "the run's folder (default runs/<experiment or decoder-dataset>)",
)
_flag(_RUN, "bool", "overwrite", False, "start anew in a workdir that holds a run")
_flag(
    _RUN, "string", "data_dir", None, "prepared datasets (default TFDS_DATA_DIR, then TFDS's own)"
)
_flag(_RUN, "string", "manual_dir", None, "where archives that you got yourself lie")
_flag(_RUN, "integer", "memory_budget", 4096, "MB; a larger split is read from disk as needed")
_flag(_RUN, "string", "parallel", "jit", _options(PARALLEL))
_flag(_RUN, "string", "lowering", "auto", f"{_options(LOWERINGS)} (own kernels on CPU, or XLA's)")
_flag(_RUN, "integer", "steps_per_call", 0, "steps in one call of the device; 0: automatic")
_flag(_RUN, "integer", "log_every", 20, "steps between lines of metrics.jsonl")
_flag(_RUN, "integer", "save_every", 200, "steps between checkpoints, beside epoch ends")
_flag(_RUN, "integer", "eval_every", 1, "epochs between evaluations")
_flag(
    _COMPARE,
    "list",
    "decoders",
    None,
    "as upsample,transpose:k4; all are compared with the first",
)
_flag(_COMPARE, "list", "datasets", None, "of the grid, as --dataset")
_flag(_COMPARE, "list", "noise_levels", None, "of the grid, as --noise_level")
_flag(_COMPARE, "list", "match", None, "equal parameters | multiply_adds | latency | widths")
_flag(_COMPARE, "list", "steps", None, "lengths of training, in updates")
_flag(_COMPARE, "integer", "seeds", None, "how many, from --seed on")
_flag(_COMPARE, "integer", "seeds_at_once", 0, "trained together; 0: 1 on CPU, 8 elsewhere")
_flag(_COMPARE, "string", "part", "1/1", "as 2/3: only the second of three parts of the cells")
_flag(_RUN, "bool", "debug", False, "show the traceback of an error")


def help_text(*, comparing: bool = False) -> str:
    """The flags of the package on one screen, with the defaults that will be used; those of the
    grid by name only, or, if ``comparing``, they alone."""
    default = Experiment()
    lines = ["python -m aedenoise.main [--flag=value ...]    (--helpfull also lists absl's flags)"]
    for group, title in (
        (_EXPERIMENT, "The experiment:"),
        (_COMPARE, "The grid of --mode=compare (--mode=compare --help says more):"),
        (_RUN, "The run:"),
    ):
        if comparing != (group == _COMPARE):
            if not comparing:
                names = " ".join(f"--{f.name}" for f in _FLAGS if f.group == group)
                lines += [title, f"  {names}"]
            continue
        lines.append(title)
        for flag in (f for f in _FLAGS if f.group == group):
            value = _field(default, flag.field) if flag.field else FLAGS[flag.name].default
            shown = "" if value is None or value is False else f" [{_text(value)}]"
            line = f"  --{flag.name:<17}{flag.help}{shown}"
            lines += textwrap.wrap(line, 100, subsequent_indent=" " * 21)
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Runs the mode that the parsed flags ask for; returns the exit code."""
    try:
        return _run(argv)
    except (Exception, KeyboardInterrupt) as error:
        return report(error, debug=FLAGS.debug)


def _run(argv: Sequence[str]) -> int:
    if len(argv) > 1:
        raise UsageError(f"unexpected argument {argv[1]!r}; flags look like --decoder=transpose")
    if FLAGS.mode not in MODES:
        raise UsageError(f"unknown mode {FLAGS.mode!r}; {nearest(FLAGS.mode, MODES)}")
    for flag in (f.name for f in _FLAGS if f.group == _COMPARE):
        if FLAGS.mode != "compare" and not FLAGS[flag].using_default_value:
            raise UsageError(f"--{flag} is for --mode=compare, not --mode={FLAGS.mode}")
    if FLAGS.experiment == "list":
        _list_experiments()
        return 0
    modes = {
        "train": _train,
        "eval": _evaluate,
        "data": _describe_data,
        "artifacts": _show_artifacts,
        "compare": _compare,
        "report": _report,
    }
    return modes[FLAGS.mode]()


def _train() -> int:
    experiment = replace(_named_experiment(), _overrides())
    options = _run_options(Path("runs") / experiment.label)

    if not options.overwrite:
        from aedenoise.workdir import Workdir

        # `train` claims it again; claimed here, a refusal comes before JAX is imported.
        Workdir(options.workdir).claim(experiment, overwrite=False)
    _quiet_libraries()
    from aedenoise.modes import train

    train(experiment, options)
    return 0


def _describe_data() -> int:
    data = replace(_named_experiment(), _overrides()).data
    name = data.dataset.replace("/", "-") if data.dataset in DATASETS else data.short_name
    _quiet_libraries()
    from aedenoise.datasheet import data_sheet

    folder = Path(FLAGS.workdir).expanduser() if FLAGS.workdir else Path("sheets")
    data_sheet(data, _run_options(folder), folder / f"{name}.png")
    return 0


def _evaluate() -> int:
    if FLAGS.workdir is None:
        raise UsageError("--mode=eval needs --workdir, the folder of a trained run")
    from aedenoise.workdir import Workdir

    workdir = Workdir(Path(FLAGS.workdir).expanduser())
    trained = workdir.read_experiment()
    if not any(workdir.checkpoints.glob("[0-9]*")):
        raise CheckpointError(f"{workdir.path} has no checkpoint yet; train there first")
    experiment = replace(trained, _overrides())
    changed = first_difference(
        trained, replace(experiment, {"noise": trained.noise, "data": trained.data})
    )
    if changed or FLAGS.experiment is not None:
        raise UsageError(
            "--mode=eval takes the experiment from the workdir; only noise and data can be "
            f"changed, not {changed.split(' (')[0] if changed else 'the experiment'}"
        )
    _quiet_libraries()
    from aedenoise.modes import evaluate_run

    evaluate_run(experiment, _run_options(workdir.path))
    return 0


def _show_artifacts() -> int:
    experiment = replace(_named_experiment(), _overrides())
    _quiet_libraries()
    from aedenoise.gallery import decoder_gallery

    folder = Path(FLAGS.workdir).expanduser() if FLAGS.workdir else Path("sheets")
    decoder_gallery(experiment.model, experiment.seed, folder / "artifacts.png")
    return 0


def _compare() -> int:
    from aedenoise.named import find_study
    from aedenoise.study.design import Study

    for flag, instead in _PER_DECODER.items():
        if FLAGS[flag].value is not None:
            raise UsageError(f"--mode=compare does not take --{flag}; use {instead}")
    named = Study(base=Experiment()) if FLAGS.experiment is None else find_study(FLAGS.experiment)
    study = _with_grid(named)
    folder = Path("runs") / f"compare-{study.name or 'decoders'}"
    options = _run_options(folder)
    part = _part(FLAGS.part)
    if FLAGS.seeds_at_once < 0:
        raise UsageError(f"seeds_at_once must be 0 (automatic) or more: {FLAGS.seeds_at_once}")
    _quiet_libraries()
    from aedenoise.compare import compare

    compare(study, options, seeds_at_once=FLAGS.seeds_at_once, part=part)
    return 0


# Flags of one network that a comparison says per decoder or per grid.
_PER_DECODER = {
    "decoder": "--decoders=upsample,transpose:k4",
    "order": "--decoders=upsample:resize_conv",
    "tail": "--decoders=transpose:notail",
    "icnr": "--decoders=subpixel:noicnr",
    "epochs": "--steps=1000",
}


def _with_grid(study: Study) -> Study:
    """``study`` with what flags say of it."""
    values: dict[str, Any] = {"base": replace(study.base, _overrides())}
    if FLAGS.dataset is not None:
        values["datasets"] = (FLAGS.dataset,)
    if FLAGS.noise_level is not None:
        values["noise_levels"] = (FLAGS.noise_level,)
    for flag, field, convert in (
        ("decoders", "decoders", str),
        ("datasets", "datasets", str),
        ("noise_levels", "noise_levels", float),
        ("match", "matches", str),
        ("steps", "steps", int),
    ):
        given = FLAGS[flag].value
        if given is not None:
            try:
                values[field] = tuple(convert(value.strip()) for value in given)
            except ValueError:
                raise UsageError(f"--{flag} takes numbers, not {','.join(given)}") from None
    if FLAGS.seeds is not None:
        values["seeds"] = FLAGS.seeds
    return dataclasses.replace(study, **values)


def _part(text: str) -> tuple[int, int]:
    which, _, of = text.partition("/")
    if which.isdecimal() and of.isdecimal() and 1 <= int(which) <= int(of):
        return int(which), int(of)
    raise UsageError(f"--part is the first to the last of all parts, as 2/3, not {text!r}")


def _report() -> int:
    if FLAGS.workdir is None:
        raise UsageError("--mode=report needs --workdir, the folder of a comparison")
    _quiet_libraries()
    from aedenoise.compare import report_study

    report_study(Path(FLAGS.workdir).expanduser())
    return 0


def _named_experiment() -> Experiment:
    if FLAGS.experiment is None:
        return Experiment()
    from aedenoise.named import find_experiment

    return find_experiment(FLAGS.experiment)


def _overrides() -> dict[str, Any]:
    """The fields whose flags were given."""
    given = {f.field: FLAGS[f.name].value for f in _FLAGS if f.field}
    values = {field: value for field, value in given.items() if value is not None}
    for field in ("model.encoder_features", "model.decoder_features"):
        if field in values:
            try:
                values[field] = tuple(int(width) for width in values[field])
            except ValueError:
                name = field.split(".")[1]
                raise UsageError(
                    f"--{name} takes widths such as 32,32, not {','.join(values[field])}"
                ) from None
    return values


def _run_options(default_workdir: Path) -> RunOptions:
    return RunOptions(
        workdir=Path(FLAGS.workdir).expanduser() if FLAGS.workdir else default_workdir,
        data_dir=_place(FLAGS.data_dir),
        manual_dir=_place(FLAGS.manual_dir),
        memory_budget=FLAGS.memory_budget,
        parallel=FLAGS.parallel,
        lowering=FLAGS.lowering,
        steps_per_call=FLAGS.steps_per_call,
        log_every=FLAGS.log_every,
        save_every=FLAGS.save_every,
        eval_every=FLAGS.eval_every,
        overwrite=FLAGS.overwrite,
    )


def _place(flag: str | None) -> str | None:
    return str(Path(flag).expanduser()) if flag else None


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
    print_unraisable = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        # Orbax's threads outlive a failed restore and complain of it after our one line.
        if str(unraisable.exc_value) != "Event loop is closed":
            print_unraisable(unraisable)

    sys.unraisablehook = hook


def _parse(argv: Sequence[str]) -> list[str]:
    """Parses flags; help and errors are answered here, in our own form and exit codes."""
    if any(argument in ("--help", "-help", "-h", "--helpshort", "-helpshort") for argument in argv):
        from aedenoise.reporting.console import say

        say(help_text(comparing="--mode=compare" in argv))
        raise SystemExit(0)
    if any(argument.startswith(("--jax_", "--nojax_")) for argument in argv):
        import jax

        jax.config.config_with_absl()
    try:
        return list(FLAGS(list(argv)))
    except flags.Error as error:
        raise SystemExit(report(UsageError(str(error)), debug=False)) from None


def _field(experiment: Experiment, path: str) -> Any:
    value: Any = experiment
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def run() -> None:
    """The console script ``aedenoise``."""
    app.run(main, flags_parser=_parse)


if __name__ == "__main__":
    run()
