"""Which mode takes which flag."""

from __future__ import annotations

from aedenoise.cli.definitions import (
    COMPARE,
    DEFINED,
    FLAGS,
    HOSTS,
    MAP,
    MODES,
    PAGE,
    PICTURES,
    PROBE,
    SAMPLE,
)
from aedenoise.errors import UsageError, nearest


def check_mode() -> None:
    """Refuses an unknown mode, and flags that mean nothing to the mode.

    Raises:
      UsageError: naming the first of them.
    """
    if FLAGS.mode not in MODES:
        raise UsageError(f"unknown mode {FLAGS.mode!r}; {nearest(FLAGS.mode, MODES)}")
    for flag in DEFINED:
        modes = _MODES_OF.get(flag.name) or _MODES_OF.get(flag.group)
        if modes and FLAGS.mode not in modes and not FLAGS[flag.name].using_default_value:
            raise UsageError(
                f"--{flag.name} is for --mode={' and --mode='.join(modes)}, not --mode={FLAGS.mode}"
            )


# What is not for every mode.
_MODES_OF = {
    COMPARE: ("compare",),
    PICTURES: ("denoise",),
    MAP: ("robustness",),
    PROBE: ("probe",),
    SAMPLE: ("sample",),
    "output": ("denoise", "report", "sample"),
    PAGE: ("report", "invent"),
    "decoders": ("compare", "invent"),
    "noise_levels": ("compare", "invent"),
    HOSTS: ("train", "eval"),
    "checkpoint": ("eval", "denoise", "probe", "sample"),
    "checkpoint_dir": ("train", "eval"),
    "preempt_exit_code": ("train", "compare", "robustness", "invent", "probe"),
    "baselines": ("train", "eval", "robustness"),
    "wandb": ("train", "robustness"),
}
