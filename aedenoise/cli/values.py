"""The values that the flags give, apart from those of the experiment."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aedenoise.cli.experiments import parse_levels
from aedenoise.cli.flags import FLAGS, spell
from aedenoise.config import NoiseConfig, noise_from_text
from aedenoise.config.denoise_options import WRITTEN, DenoiseOptions
from aedenoise.config.fields import option_fields, shorten
from aedenoise.config.folders import check_place
from aedenoise.config.options import HostOptions, ProbeOptions, RunOptions
from aedenoise.config.validation import local_path
from aedenoise.errors import UsageError
from aedenoise.exports.formats import find_format, is_file_of_network
from aedenoise.exports.options import ExportOptions


def run_options(default_workdir: Path) -> RunOptions:
    """Returns where and how the run is carried out."""
    values = _flag_values(RunOptions) | {
        "workdir": workdir() or default_workdir,
        "checkpoint_dir": _checkpoint_dir(),
        "data_dir": _expand("data_dir"),
        "manual_dir": _expand("manual_dir"),
        "command": shlex.join(["python", "-m", "aedenoise.main", *sys.argv[1:]]),
    }
    return RunOptions(**values)


def host_options() -> HostOptions:
    """Returns how this process finds the others of its run."""
    return HostOptions(**_flag_values(HostOptions))


def probe_options() -> ProbeOptions:
    """Returns how the code of a run is probed."""
    return ProbeOptions(**_flag_values(ProbeOptions))


def denoise_options() -> DenoiseOptions:
    """Returns the source and target of denoising."""
    source, *more = (str(local_path("--input", place)) for place in FLAGS.input)
    target = _expand("output")
    if target and FLAGS.output.endswith("/"):
        target += "/"  # a folder, though it may not be there yet
    level, most = parse_levels(FLAGS.noise_level) if FLAGS.noise_level else (None, None)
    if most is not None:
        raise UsageError(f"{spell('denoise')} takes one --noise_level, not {FLAGS.noise_level}")
    values = _flag_values(DenoiseOptions) | {
        "source": source,
        "more": tuple(more),
        "target": target,
        "level": level,
        "overwrite": FLAGS.overwrite,
    }
    return DenoiseOptions(**values)


def export_options(folder: Path | None) -> ExportOptions:
    """Returns format and place of the file of a network in ``folder``; None: the packed one."""
    chosen = find_format(FLAGS.format)
    place = folder or Path()
    if is_file_of_network(place):
        place = place.parent
    target = Path(_expand("output") or place / f"{chosen.stem}{chosen.suffix}")
    return ExportOptions(format=FLAGS.format, target=target, overwrite=FLAGS.overwrite)


def run_folders() -> list[Path]:
    """Returns the folders of ``--runs``."""
    runs = [local_path("--runs", run) for run in FLAGS.runs or ()]
    if len(set(runs)) < len(runs):
        raise UsageError("--runs names a run twice")
    return runs


def sample_choice(folder: Path) -> tuple[int, int, Path]:
    """Returns the number of images, their seed and the file to write."""
    if not 1 <= FLAGS.count <= 1_000_000:
        raise UsageError(f"count must be from 1 to 1,000,000, not {shorten(FLAGS.count)}")
    target = Path(_expand("output") or folder / "samples.png")
    if target.suffix.lower() not in (*WRITTEN, ".npz"):
        raise UsageError(f"--output ends with .npz, {', '.join(WRITTEN)}, not {target}")
    seed = FLAGS.seed or 0
    if not 0 <= seed < 2**32:
        raise UsageError(f"seed must be from 0 to 2**32 - 1, not {shorten(seed)}")
    return FLAGS.count, seed, target


def workdir() -> Path | None:
    """Returns the folder of ``--workdir``, if it was given."""
    if FLAGS.workdir and "://" in FLAGS.workdir:
        raise UsageError(
            f"--workdir must be a local folder, not {FLAGS.workdir}; checkpoints can go there: "
            f"--checkpoint_dir={FLAGS.workdir}"
        )
    return local_path("--workdir", FLAGS.workdir) if FLAGS.workdir else None


def checkpoint_dir(folder: Path | None) -> str | None:
    """Returns the folder of ``--checkpoint_dir`` for the run in ``folder``, if it was given."""
    if FLAGS.checkpoint_dir and folder is None:
        raise UsageError("--checkpoint_dir needs --workdir, the folder of the run")
    check_place(FLAGS.checkpoint_dir or "")
    return FLAGS.checkpoint_dir or None


def checkpoint_choice() -> str:
    """Returns ``newest``, ``best`` or a step."""
    which: str = FLAGS.checkpoint
    # No run has steps of more than 18 digits, and Python refuses integers of thousands.
    if which not in ("newest", "best") and not (which.isdecimal() and len(which) <= 18):
        raise UsageError(f"--checkpoint is newest, best or a step, not {which!r}")
    return which


def preempt_exit_code() -> int:
    """Returns the exit code after a stop signal."""
    code: int = FLAGS.preempt_exit_code
    if not 0 <= code <= 255:
        raise UsageError(f"preempt_exit_code must be from 0 to 255, not {shorten(code)}")
    return code


def noises(names: Sequence[str] | None, base: NoiseConfig) -> tuple[NoiseConfig, ...]:
    """Parses a list of noises, with the other settings of ``base``."""
    return tuple(noise_from_text(name.strip(), base) for name in names or ())


def listed(flag: str, convert: Callable[[str], Any]) -> tuple[Any, ...]:
    """Converts each value of a list; an absent flag gives none."""
    given = FLAGS[flag].value or ()
    try:
        return tuple(convert(value.strip()) for value in given)
    except ValueError:
        raise UsageError(f"--{flag} takes numbers, not {','.join(given)}") from None


def _flag_values(options: type[Any]) -> dict[str, Any]:
    return {field.path: FLAGS[field.flag].value for field in option_fields(options)}


def _checkpoint_dir() -> str | None:
    """Returns the folder of checkpoints; one in a bucket, such as ``gs://…``, stays as it is."""
    place: str = FLAGS.checkpoint_dir
    return place if not place or "://" in place else _expand("checkpoint_dir")


def _expand(flag: str) -> str | None:
    """Returns the local path of a flag with ``~`` expanded; None if it was not given."""
    place = FLAGS[flag].value
    return str(local_path(f"--{flag}", place)) if place else None
