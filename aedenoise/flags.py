"""The flags: what they are called, how they read on the screen, and the values they give.

With ``main``, the only module that knows absl flags.
"""

from __future__ import annotations

import dataclasses
import shlex
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from aedenoise.errors import UsageError, nearest
from aedenoise.experiment import (
    ACTIVATIONS,
    CONDITIONS,
    DECODERS,
    FITS,
    INITIALIZERS,
    LOSSES,
    NETWORKS,
    NOISES,
    ORDERS,
    PRECISIONS,
    SCHEDULES,
    SPARSITIES,
    Experiment,
    NoiseConfig,
    noise_from_text,
    replace,
)
from aedenoise.options import (
    DISTRIBUTED,
    INVERSIONS,
    LOWERINGS,
    PARALLEL,
    DenoiseOptions,
    HostOptions,
    ProbeOptions,
    RunOptions,
)

if TYPE_CHECKING:
    from aedenoise.study.design import Study

FLAGS = flags.FLAGS
MODES = (
    "train",
    "eval",
    "denoise",
    "data",
    "artifacts",
    "compare",
    "robustness",
    "invent",
    "probe",
    "report",
    "doctor",
)


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


_EXPERIMENT, _RUN, _COMPARE, _HOSTS = "experiment", "run", "compare", "hosts"
_PICTURES, _FINE, _MAP, _PAGE = "pictures", "fine", "map", "page"
_PROBE = "probe"
_flag(_EXPERIMENT, "string", "experiment", None, "start from a named experiment; 'list' shows them")
_flag(_EXPERIMENT, "string", "model", None, _options(NETWORKS), "model.network")
_flag(_EXPERIMENT, "string", "decoder", None, _options(DECODERS), "model.decoder")
_flag(
    _EXPERIMENT,
    "string",
    "dataset",
    None,
    "mnist | notmnist[/small|/large] | NAME of TFDS | folder:DIR | npz:FILE",
    "data.dataset",
)
_flag(_FINE, "integer", "image_size", None, "side of a folder's images", "data.image_size")
_flag(_FINE, "string", "fit", None, f"{_options(FITS)}: how they are cut", "data.fit")
_flag(
    _EXPERIMENT, "string", "noise", None, f"{_options(NOISES)}; joined: NAME+NAME:0.1", "noise.kind"
)
_flag(
    _EXPERIMENT,
    "string",
    "noise_level",
    None,
    "in units of the [0, 1] range; 0.2:0.6 draws one for each image",
    "noise.level",
)
_flag(_FINE, "float", "noise_mean", None, "of gaussian and uniform noise", "noise.mean")
_flag(_EXPERIMENT, "bool", "noise_clip", None, "clip noisy images to [0, 1]", "noise.clip")
_flag(_EXPERIMENT, "bool", "noise_fresh", None, "other noise in every step", "noise.fresh")
_flag(_EXPERIMENT, "string", "loss", None, _options(LOSSES), "loss")
_flag(_EXPERIMENT, "integer", "epochs", None, "passes over the training set", "epochs")
_flag(_FINE, "integer", "clean_epochs", None, "the first, without noise", "clean_epochs")
_flag(_EXPERIMENT, "integer", "batch_size", None, "images per step, all devices", "batch_size")
_flag(_EXPERIMENT, "float", "learning_rate", None, "peak rate of Adam", "optimizer.learning_rate")
_flag(_FINE, "string", "schedule", None, _options(SCHEDULES), "optimizer.schedule")
_flag(_FINE, "float", "max_grad_norm", None, "clip gradients", "optimizer.max_grad_norm")
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
_flag(_FINE, "string", "initializer", None, _options(INITIALIZERS), "model.initializer")
_flag(_FINE, "bool", "tail", None, "end with a convolution of stride 1", "model.tail")
_flag(_FINE, "bool", "icnr", None, "subpixel begins without checkerboards", "model.icnr")
_flag(
    _FINE,
    "string",
    "condition",
    None,
    f"{_options(CONDITIONS)}: tell the network the level",
    "model.condition",
)
_flag(_EXPERIMENT, "string", "precision", None, _options(PRECISIONS), "model.precision")
_flag(_FINE, "integer", "train_examples", None, "use only so many", "data.train_examples")
_flag(_FINE, "integer", "test_examples", None, "use only so many", "data.test_examples")
_flag(_FINE, "list", "hidden", None, "widths before the code, as 512,256", "model.hidden")
_flag(_FINE, "integer", "code_size", None, "numbers in the code", "model.code_size")
_flag(_FINE, "bool", "tied", None, "the decoder has the encoder's kernels", "model.tied")
_flag(_FINE, "string", "activation", None, _options(ACTIVATIONS), "model.activation")
_flag(_FINE, "integer", "greedy_epochs", None, "for each layer, first", "greedy_epochs")
_flag(_FINE, "string", "sparsity", None, f"{_options(SPARSITIES)}: of the code", "code.sparsity")
_flag(_FINE, "float", "sparsity_weight", None, "of that", "code.sparsity_weight")
_flag(_FINE, "float", "sparsity_target", None, "mean code of kl", "code.sparsity_target")
_flag(_FINE, "float", "contractive_weight", None, "of |J|^2", "code.contractive_weight")
_flag(_RUN, "string", "mode", "train", _options(MODES))
_flag(
    _RUN,
    "string",
    "workdir",
    None,
    "the run's folder (default runs/<experiment or decoder-dataset>)",
)
_flag(_FINE, "string", "checkpoint_dir", None, "of its checkpoints, also gs://bucket/folder")
_flag(_RUN, "string", "checkpoint", "newest", "newest | best | STEP: what eval and denoise restore")
_flag(_RUN, "bool", "overwrite", False, "start anew in a workdir that holds a run")
_flag(
    _RUN, "string", "data_dir", None, "prepared datasets (default TFDS_DATA_DIR, then TFDS's own)"
)
_flag(_FINE, "string", "manual_dir", None, "where archives that you got yourself lie")
_flag(_FINE, "integer", "memory_budget", 4096, "MB; a larger split is read from disk as needed")
_flag(_RUN, "string", "parallel", "jit", _options(PARALLEL))
_flag(_FINE, "string", "lowering", "auto", f"{_options(LOWERINGS)} (own kernels on CPU, or XLA's)")
_flag(_FINE, "integer", "steps_per_call", 0, "steps in one call of the device; 0: automatic")
_flag(_FINE, "integer", "log_every", 20, "steps between lines of metrics.jsonl")
_flag(_FINE, "integer", "save_every", 200, "steps between checkpoints, beside epoch ends")
_flag(_FINE, "integer", "eval_every", 1, "epochs between evaluations")
_flag(_RUN, "bool", "baselines", True, "compare with classical denoisers")
_flag(_FINE, "integer", "preempt_exit_code", 0, "after a signal, with everything saved")
_flag(_HOSTS, "string", "distributed", "auto", _options(DISTRIBUTED))
_flag(_HOSTS, "string", "coordinator_address", None, "host:port of process 0")
_flag(_HOSTS, "integer", "num_processes", None, "how many there are")
_flag(_HOSTS, "integer", "process_id", None, "which of them this is, from 0 on")
_flag(_HOSTS, "integer", "heartbeat_timeout", 100, "seconds until a silent process counts as dead")
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
_flag(_MAP, "list", "train_noises", None, "as gaussian:0.4,gaussian:0.2:0.6,masking:0.25")
_flag(_MAP, "list", "test_noises", None, "the same (default: those of the training)")
_flag(_PROBE, "integer", "tune_epochs", 15, "fine-tuning through the encoder; 0: none")
_flag(_PROBE, "float", "tune_rate", 1e-3, "Adam's first rate there; a cosine to zero")
_flag(_PROBE, "float", "tune_masking", 0.25, "share of pixels set to 0 there")
_flag(_PROBE, "float", "tune_dropout", 0.5, "share of the code set to 0 there")
_flag(_PICTURES, "string", "input", None, "an image, a folder of them, or -")
_flag(_PICTURES, "string", "output", None, "file, folder or - (default NAME-denoised beside it)")
_flag(_PICTURES, "string", "invert", "auto", f"{_options(INVERSIONS)}: of dark on light")
_flag(_PICTURES, "bool", "before_after", False, "also write both side by side")
_flag(_PAGE, "list", "runs", None, "finished runs, as A,B: on one page (report), tested (invent)")
_flag(_FINE, "string", "wandb", "", "also log to this project of Weights & Biases")
_flag(_RUN, "bool", "debug", False, "show the traceback of an error")


def help_text(mode: str = "train") -> str:
    """The flags of the package on one screen, with the defaults that will be used; those that few
    need by name only. Of a mode that has flags of its own, these alone."""
    lines = ["python -m aedenoise.main [--flag=value ...]    (--helpfull also lists absl's flags)"]
    if mode in _OWN:
        lines.append(f"Flags of --mode={mode}:")
        return "\n".join([*lines, *_explained(_OWN[mode])])
    if mode == "invent":
        lines.append("Flags of --mode=invent, beside those of an experiment:")
        shown = [flag for flag in _FLAGS if flag.name in _INVENT]
        return "\n".join([*lines, *(line for flag in shown for line in _help_lines(flag))])
    lines += ["The experiment:", *_explained(_EXPERIMENT), "The run:", *_explained(_RUN)]
    lines += ["For finer control (the README's table says what they mean):", *_named(_FINE, "")]
    lines += ["Several processes (docs/running.md says more):", *_named(_HOSTS, "")]
    lines.append("Of single modes (--mode=MODE --help says more):")
    for name, group in _OWN.items():
        lines += _named(group, f"{name}: ")
    return "\n".join(lines)


_OWN = {
    "compare": _COMPARE,
    "robustness": _MAP,
    "probe": _PROBE,
    "denoise": _PICTURES,
    "report": _PAGE,
}
# Of other modes' flags those that --mode=invent takes too.
_INVENT = ("decoders", "noise_levels", "runs")


def _explained(group: str) -> list[str]:
    return [line for flag in _FLAGS if flag.group == group for line in _help_lines(flag)]


def _named(group: str, before: str) -> list[str]:
    names = " ".join(f"--{flag.name}" for flag in _FLAGS if flag.group == group)
    return textwrap.wrap(before + names, 98, initial_indent="  ", subsequent_indent="  ")


def _help_lines(flag: _Flag) -> list[str]:
    value = _field(Experiment(), flag.field) if flag.field else FLAGS[flag.name].default
    shown = "" if value is None or value is False else f" [{_text(value)}]"
    line = f"  --{flag.name:<17}{flag.help}{shown}"
    return textwrap.wrap(line, 100, subsequent_indent=" " * 21)


def check_mode() -> None:
    """Refuses an unknown mode, and flags that mean nothing to the mode.

    Raises:
      UsageError: naming the first of them.
    """
    if FLAGS.mode not in MODES:
        raise UsageError(f"unknown mode {FLAGS.mode!r}; {nearest(FLAGS.mode, MODES)}")
    for flag in _FLAGS:
        modes = _MODES_OF.get(flag.name) or _MODES_OF.get(flag.group)
        if modes and FLAGS.mode not in modes and not FLAGS[flag.name].using_default_value:
            raise UsageError(
                f"--{flag.name} is for --mode={' and --mode='.join(modes)}, not --mode={FLAGS.mode}"
            )


# What is not for every mode.
_MODES_OF = {
    _COMPARE: ("compare",),
    _PICTURES: ("denoise",),
    _MAP: ("robustness",),
    _PROBE: ("probe",),
    "output": ("denoise", "report"),
    _PAGE: ("report", "invent"),
    "decoders": ("compare", "invent"),
    "noise_levels": ("compare", "invent"),
    _HOSTS: ("train", "eval"),
    "checkpoint": ("eval", "denoise", "probe"),
    "checkpoint_dir": ("train", "eval"),
    "preempt_exit_code": ("train", "compare", "robustness", "invent", "probe"),
    "baselines": ("train", "eval"),
    "wandb": ("train", "robustness"),
}


def overrides() -> dict[str, Any]:
    """The fields whose flags were given."""
    given = {f.field: FLAGS[f.name].value for f in _FLAGS if f.field}
    values = {field: value for field, value in given.items() if value is not None}
    for field in ("model.encoder_features", "model.decoder_features", "model.hidden"):
        if field in values:
            try:
                values[field] = tuple(int(width) for width in values[field])
            except ValueError:
                name = field.split(".")[1]
                raise UsageError(
                    f"--{name} takes widths such as 32,32, not {','.join(values[field])}"
                ) from None
    kind = values.get("noise.kind", "gaussian")
    if "noise.level" in values and not NoiseConfig(kind=kind).levelled:
        raise UsageError(f"--noise_level does not count with --noise={kind}: leave it out")
    if "noise.level" in values:
        values["noise.level"], values["noise.level_max"] = _levels(values["noise.level"])
    return values


def _levels(text: str) -> tuple[float, float | None]:
    """``0.4`` is one level, ``0.2:0.6`` a range of them."""
    least, colon, most = text.partition(":")
    try:
        return float(least), float(most) if colon else None
    except ValueError:
        raise UsageError(f"--noise_level takes a number, or two as 0.2:0.6, not {text!r}") from None


def run_options(default_workdir: Path) -> RunOptions:
    """Where and how the run is carried out."""
    return RunOptions(
        workdir=workdir() or default_workdir,
        checkpoint_dir=FLAGS.checkpoint_dir or None,
        data_dir=_place(FLAGS.data_dir),
        manual_dir=_place(FLAGS.manual_dir),
        memory_budget=FLAGS.memory_budget,
        parallel=FLAGS.parallel,
        lowering=FLAGS.lowering,
        steps_per_call=FLAGS.steps_per_call,
        log_every=FLAGS.log_every,
        save_every=FLAGS.save_every,
        eval_every=FLAGS.eval_every,
        baselines=FLAGS.baselines,
        wandb=FLAGS.wandb,
        overwrite=FLAGS.overwrite,
        command=shlex.join(["python", "-m", "aedenoise.main", *sys.argv[1:]]),
    )


def noises(names: Sequence[str] | None, base: NoiseConfig) -> tuple[NoiseConfig, ...]:
    """The noises that a list names."""
    return tuple(noise_from_text(name.strip(), base) for name in names or ())


def probe_options() -> ProbeOptions:
    """How the code of a run is probed."""
    return ProbeOptions(
        epochs=FLAGS.tune_epochs,
        rate=FLAGS.tune_rate,
        masking=FLAGS.tune_masking,
        dropout=FLAGS.tune_dropout,
    )


def denoise_options() -> DenoiseOptions:
    """What is denoised, and what becomes of it.

    Raises:
      UsageError: if there is no ``--input``, or a flag of the experiment other than a level.
    """
    refuse_training("--mode=denoise takes a trained network", "noise_level")
    if not FLAGS.input:
        raise UsageError("--mode=denoise needs --input, an image or a folder of them")
    level, most = _levels(FLAGS.noise_level) if FLAGS.noise_level else (None, None)
    if most is not None:
        raise UsageError(f"--mode=denoise takes one --noise_level, not {FLAGS.noise_level}")
    return DenoiseOptions(
        source=_place(FLAGS.input) or "",
        target=_place(FLAGS.output),
        level=level,
        invert=FLAGS.invert,
        before_after=FLAGS.before_after,
        overwrite=FLAGS.overwrite,
    )


def refuse_training(why: str, *but: str) -> None:
    """Refuses the flags of an experiment, but for some."""
    for flag in _FLAGS:
        if flag.field and flag.name not in but and FLAGS[flag.name].value is not None:
            raise UsageError(f"--{flag.name} is for training; {why}")


def workdir() -> Path | None:
    """The folder that was given, if one was."""
    if FLAGS.workdir and "://" in FLAGS.workdir:
        raise UsageError(
            f"--workdir is a folder of this machine, not {FLAGS.workdir}; checkpoints can be "
            f"there: --checkpoint_dir={FLAGS.workdir}"
        )
    return Path(FLAGS.workdir).expanduser() if FLAGS.workdir else None


def checkpoint_choice() -> str:
    """Which checkpoint: ``newest``, ``best`` or a step."""
    which: str = FLAGS.checkpoint
    if which not in ("newest", "best") and not which.isdecimal():
        raise UsageError(f"--checkpoint is newest, best or a step, not {which!r}")
    return which


def preempt_exit_code() -> int:
    """The exit code after a stop signal."""
    code: int = FLAGS.preempt_exit_code
    if not 0 <= code <= 255:
        raise UsageError(f"preempt_exit_code must be from 0 to 255, not {code}")
    return code


def host_options() -> HostOptions:
    """How this process finds the others of its run."""
    return HostOptions(
        distributed=FLAGS.distributed,
        coordinator_address=FLAGS.coordinator_address,
        num_processes=FLAGS.num_processes,
        process_id=FLAGS.process_id,
        heartbeat_timeout=FLAGS.heartbeat_timeout,
    )


def _place(flag: str | None) -> str | None:
    return str(Path(flag).expanduser()) if flag else None


# Flags of one network that a comparison says per decoder or per grid.
PER_DECODER = {
    "decoder": "--decoders=upsample,transpose:k4",
    "order": "--decoders=upsample:resize_conv",
    "tail": "--decoders=transpose:notail",
    "icnr": "--decoders=subpixel:noicnr",
    "epochs": "--steps=1000",
}


def with_grid(study: Study) -> Study:
    """``study`` with what flags say of it."""
    values: dict[str, Any] = {"base": replace(study.base, overrides())}
    if FLAGS.dataset is not None:
        values["datasets"] = (FLAGS.dataset,)
    if FLAGS.noise_level is not None:
        values["noise_levels"] = (values["base"].noise.level,)
    for flag, field, convert in (
        ("decoders", "decoders", str),
        ("datasets", "datasets", str),
        ("noise_levels", "noise_levels", float),
        ("match", "matches", str),
        ("steps", "steps", int),
    ):
        if FLAGS[flag].value is not None:
            values[field] = listed(flag, convert)
    if FLAGS.seeds is not None:
        values["seeds"] = FLAGS.seeds
    return dataclasses.replace(study, **values)


def listed(flag: str, convert: Callable[[str], Any]) -> tuple[Any, ...]:
    """What a flag lists, each by ``convert``; nothing where it was not given."""
    given = FLAGS[flag].value or ()
    try:
        return tuple(convert(value.strip()) for value in given)
    except ValueError:
        raise UsageError(f"--{flag} takes numbers, not {','.join(given)}") from None


def part_of(text: str) -> tuple[int, int]:
    """``2/3`` as (2, 3): the part of a comparison that this process is to do.

    Raises:
      UsageError: if it is no such thing.
    """
    which, _, of = text.partition("/")
    if which.isdecimal() and of.isdecimal() and 1 <= int(which) <= int(of):
        return int(which), int(of)
    raise UsageError(f"--part is the first to the last of all parts, as 2/3, not {text!r}")


def _field(experiment: Experiment, path: str) -> Any:
    value: Any = experiment
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
