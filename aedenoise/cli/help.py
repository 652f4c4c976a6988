"""How the flags read on the screen."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from aedenoise.cli.definitions import (
    COMPARE,
    DEFINED,
    EXPERIMENT,
    FINE,
    FLAGS,
    HOSTS,
    MAP,
    PAGE,
    PICTURES,
    PROBE,
    RUN,
    SAMPLE,
    Flag,
)
from aedenoise.config import Experiment


def help_text(mode: str = "train") -> str:
    """The flags of the package on one screen, with the defaults that will be used; those that few
    need by name only. Of a mode that has flags of its own, these alone."""
    lines = ["python -m aedenoise.main [--flag=value ...]    (--helpfull: absl's too; --version)"]
    if mode in _OWN:
        lines.append(f"Flags of --mode={mode}:")
        return "\n".join([*lines, *_explained(_OWN[mode]), *_named(_BESIDE.get(mode, ()))])
    if mode == "invent":
        lines.append("Flags of --mode=invent, beside those of an experiment:")
        return "\n".join([*lines, *_named(_INVENT)])
    lines += ["The experiment:", *_explained(EXPERIMENT), "The run:", *_explained(RUN)]
    lines += [
        "For finer control (the README's table says what they mean):",
        *_wrapped(_names(FINE)),
    ]
    lines += ["Several processes (docs/running.md says more):", *_wrapped(_names(HOSTS))]
    lines.append("Of single modes (--mode=MODE --help says more):")
    each = [f"{name}: {_names(group)}" for name, group in _OWN.items()]
    lines += _wrapped("; ".join(each))
    return "\n".join(lines)


_OWN = {
    "compare": COMPARE,
    "robustness": MAP,
    "probe": PROBE,
    "sample": SAMPLE,
    "denoise": PICTURES,
    "report": PAGE,
}
# Of other modes' flags those that --mode=invent takes too.
_INVENT = ("decoders", "noise_levels", "runs")
# Of all modes' flags those that a mode takes beside its own.
_BESIDE = {
    "sample": ("workdir", "checkpoint", "seed", "output", "overwrite"),
    "probe": ("workdir", "checkpoint"),
}


def _explained(group: str) -> list[str]:
    return [line for flag in DEFINED if flag.group == group for line in _help_lines(flag)]


def _named(names: Sequence[str]) -> list[str]:
    return [line for flag in DEFINED if flag.name in names for line in _help_lines(flag)]


def _names(group: str) -> str:
    return " ".join(f"--{flag.name}" for flag in DEFINED if flag.group == group)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 98, initial_indent="  ", subsequent_indent="  ")


def _help_lines(flag: Flag) -> list[str]:
    value = _field(Experiment(), flag.field) if flag.field else FLAGS[flag.name].default
    shown = "" if value is None or value is False else f" [{_text(value)}]"
    line = f"  --{flag.name:<17}{flag.help}{shown}"
    return textwrap.wrap(line, 100, subsequent_indent=" " * 21)


def _field(experiment: Experiment, path: str) -> Any:
    value: Any = experiment
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
