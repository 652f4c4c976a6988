"""The command line's flags: their table, their help, and the values they give."""

from aedenoise.cli.definitions import FLAGS, MODES
from aedenoise.cli.grid import PER_DECODER, parse_shard, with_grid
from aedenoise.cli.help import help_text
from aedenoise.cli.scope import check_mode
from aedenoise.cli.values import (
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
    "parse_shard",
    "preempt_exit_code",
    "probe_options",
    "refuse_training",
    "run_options",
    "sample_choice",
    "with_grid",
    "workdir",
]
