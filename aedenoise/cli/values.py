"""What the flags say, as the values that the package works with."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aedenoise.cli.definitions import DEFINED, FLAGS
from aedenoise.config import GAN_DEFAULTS, NoiseConfig, noise_from_text
from aedenoise.config.options import WRITTEN, DenoiseOptions, HostOptions, ProbeOptions, RunOptions
from aedenoise.errors import UsageError


def overrides() -> dict[str, Any]:
    """The fields whose flags were given."""
    given = {f.field: FLAGS[f.name].value for f in DEFINED if f.field}
    values = {field: value for field, value in given.items() if value is not None}
    if values.get("model.network") == "gan":
        values = {**GAN_DEFAULTS, **values}
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
    target = _place(FLAGS.output)
    if target and FLAGS.output.endswith("/"):
        target += "/"  # a folder, though it may not be there yet
    level, most = _levels(FLAGS.noise_level) if FLAGS.noise_level else (None, None)
    if most is not None:
        raise UsageError(f"--mode=denoise takes one --noise_level, not {FLAGS.noise_level}")
    return DenoiseOptions(
        source=_place(FLAGS.input) or "",
        target=target,
        level=level,
        invert=FLAGS.invert,
        before_after=FLAGS.before_after,
        overwrite=FLAGS.overwrite,
    )


def sample_choice(folder: Path) -> tuple[int, int, Path]:
    """How many images are made, from which seed, and where they are written."""
    if not 1 <= FLAGS.count <= 1_000_000:
        raise UsageError(f"count must be from 1 to 1,000,000, not {FLAGS.count}")
    target = Path(_place(FLAGS.output) or folder / "samples.png")
    if target.suffix.lower() not in (*WRITTEN, ".npz"):
        raise UsageError(f"--output ends with .npz, {', '.join(WRITTEN)}, not {target}")
    seed = FLAGS.seed or 0
    if not 0 <= seed < 2**32:
        raise UsageError(f"seed must be from 0 to 2**32 - 1, not {seed}")
    return FLAGS.count, seed, target


def refuse_training(why: str, *but: str) -> None:
    """Refuses the flags of an experiment, but for some."""
    for flag in DEFINED:
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


def listed(flag: str, convert: Callable[[str], Any]) -> tuple[Any, ...]:
    """What a flag lists, each by ``convert``; nothing where it was not given."""
    given = FLAGS[flag].value or ()
    try:
        return tuple(convert(value.strip()) for value in given)
    except ValueError:
        raise UsageError(f"--{flag} takes numbers, not {','.join(given)}") from None
