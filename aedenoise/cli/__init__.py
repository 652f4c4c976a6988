"""The command line's flags: their table, their help, and the values they give."""

from aedenoise.flags.definitions import FLAGS, MODES
from aedenoise.flags.grid import PER_DECODER, part_of, with_grid
from aedenoise.flags.help import help_text
from aedenoise.flags.scope import check_mode
from aedenoise.flags.values import (
    checkpoint_choice,
    denoise_options,
    host_options,
    listed,
    noises,
    overrides,
    preempt_exit_code,
    probe_options,
    refuse_training,
    run_options,
    sample_choice,
    workdir,
)

__all__ = [
    "FLAGS",
    "MODES",
    "PER_DECODER",
    "check_mode",
    "checkpoint_choice",
    "denoise_options",
    "help_text",
    "host_options",
    "listed",
    "noises",
    "overrides",
    "part_of",
    "preempt_exit_code",
    "probe_options",
    "refuse_training",
    "run_options",
    "sample_choice",
    "with_grid",
    "workdir",
]
