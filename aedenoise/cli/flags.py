"""The flags: one table, mostly generated from the fields of the configuration.

With ``commands`` and ``main`` the only modules that define or parse absl flags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from absl import flags

from aedenoise.config import Experiment
from aedenoise.config.denoise_options import DenoiseOptions
from aedenoise.config.fields import DENSE, GAN, OptionField, option_fields
from aedenoise.config.options import (
    DEVICES,
    INTERVALS,
    RECORDS,
    STORED,
    HostOptions,
    ProbeOptions,
    RunOptions,
)
from aedenoise.config.study import Study
from aedenoise.exports.options import ExportOptions

FLAGS = flags.FLAGS

# Groups, by their headings.
EXPERIMENT, NETWORK, DATA, NOISE = "Experiment", "Network", "Data", "Noise"
TRAINING, RUN, HOSTS = "Training", "Run", "Several processes"
COMPARISON, ROBUSTNESS, PROBING = "Comparison", "Robustness", "Probing"
PICTURES, SAMPLES, PAGES, EXPORT = "Pictures", "Samples", "Finished runs", "Export"
# Groups that describe an experiment.
EXPERIMENT_GROUPS = (EXPERIMENT, NETWORK, DATA, NOISE, TRAINING, DENSE, GAN)
# Flags that every command accepts, so that one set of them serves several commands.
SHARED_GROUPS = (*EXPERIMENT_GROUPS, RUN, STORED, DEVICES, INTERVALS)
GROUPS = (
    *SHARED_GROUPS,
    RECORDS,
    HOSTS,
    PICTURES,
    SAMPLES,
    PROBING,
    COMPARISON,
    ROBUSTNESS,
    PAGES,
    EXPORT,
)
_PARTS = {
    "": TRAINING,
    "model": NETWORK,
    "data": DATA,
    "noise": NOISE,
    "optimizer": TRAINING,
    "code": DENSE,
    "adversary": GAN,
}


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A flag of the command line.

    Attributes:
      group: heading of the help.
      kind: of absl: ``string``, ``multi_string``, ``integer``, ``float``, ``bool`` or ``list``.
      default: the value without the flag, for people.
      field: dotted path of the experiment's field that it overrides.
      optional: the parsed value is None where the flag is not given.
      detail: the short help gives the name only.
    """

    name: str
    group: str
    help: str
    kind: str = "string"
    default: Any = None
    choices: tuple[str, ...] = ()
    field: str = ""
    optional: bool = False
    detail: bool = False

    @property
    def value(self) -> Any:
        """The parsed value."""
        return FLAGS[self.name].value

    @property
    def given(self) -> bool:
        """True where the command line changes the default."""
        return not FLAGS[self.name].using_default_value


_OWN = (
    Flag(
        name="experiment",
        group=EXPERIMENT,
        help="named experiment to start from; 'list' shows them",
    ),
    Flag(name="debug", group=RUN, kind="bool", default=False, help="traceback of an error"),
    Flag(
        name="checkpoint",
        group=RECORDS,
        default="newest",
        help="checkpoint to restore: newest | best | STEP",
    ),
    Flag(
        name="preempt_exit_code",
        group=RECORDS,
        kind="integer",
        default=0,
        help="exit code after a signal, with everything saved",
        detail=True,
    ),
    Flag(name="model_file", group=PAGES, help="ONNX file whose checkerboards are looked for"),
    Flag(name="count", group=SAMPLES, kind="integer", default=64, help="number of images"),
    Flag(
        name="seeds_at_once",
        group=COMPARISON,
        kind="integer",
        default=0,
        help="seeds trained together; 0: 1 on CPU, else 8",
    ),
    Flag(
        name="part",
        group=COMPARISON,
        default="1/1",
        help="part of the cells, as 2/3 for the second of three",
    ),
    Flag(
        name="train_noises",
        group=ROBUSTNESS,
        kind="list",
        help="noises to train on, as gaussian:0.4,gaussian:0.2:0.6,masking:0.25",
    ),
    Flag(
        name="test_noises",
        group=ROBUSTNESS,
        kind="list",
        help="noises to test on (default: those of the training)",
    ),
    Flag(name="runs", group=PAGES, kind="list", help="folders of finished runs, as A,B"),
)


def _generated() -> Iterator[Flag]:
    for field in option_fields(Experiment):
        part = field.path.rpartition(".")[0]
        yield replace(_flag(field, _PARTS[part]), field=field.path, optional=True)
    for field in option_fields(Study):
        yield replace(_flag(field, COMPARISON), optional=True)
    for options, group in (
        (RunOptions, RUN),
        (HostOptions, HOSTS),
        (DenoiseOptions, PICTURES),
        (ProbeOptions, PROBING),
        (ExportOptions, EXPORT),
    ):
        for field in option_fields(options):
            yield _flag(field, group)


def _flag(field: OptionField, group: str) -> Flag:
    option = field.option
    return Flag(
        name=field.flag,
        group=option.group or group,
        help=option.help,
        kind=field.kind,
        default=field.default,
        choices=option.choices,
        detail=option.detail,
    )


def spell(command: str) -> str:
    """Returns a command as the user writes it: as a word, or as ``--mode`` where that is given."""
    return f"--mode={command}" if FLAGS["mode"].present else command


def check_switches() -> None:
    """Lets absl's own switches, such as ``--help``, refuse values in the words of ours."""
    for name in FLAGS:
        if isinstance(FLAGS[name], flags.BooleanFlag):
            FLAGS[name].parser = _Switch()


class _WholeNumber(flags.IntegerParser):
    def convert(self, argument: int | str) -> int:
        try:
            return super().convert(argument)
        except (TypeError, ValueError):
            raise ValueError("takes a whole number, such as 5") from None


class _Number(flags.FloatParser):
    def convert(self, argument: float | str) -> float:
        try:
            return super().convert(argument)
        except (TypeError, ValueError, OverflowError):
            raise ValueError("takes a number, such as 0.001") from None


class _Switch(flags.BooleanParser):
    def parse(self, argument: str | int) -> bool:
        try:
            return bool(super().parse(argument))
        except (TypeError, ValueError):
            raise ValueError("takes true or false") from None


# absl's own parsers answer in Python's words: "invalid literal for int()".
_PARSERS: dict[str, flags.ArgumentParser[Any]] = {"integer": _WholeNumber(), "float": _Number()}
DEFINED: list[Flag] = []


def define(*table: Flag) -> None:
    """Adds flags to absl's and to ``DEFINED``, which is ordered by group."""
    for flag in table:
        text = f"{flag.help}: {' | '.join(flag.choices)}" if flag.choices else flag.help
        default = None if flag.optional else flag.default
        if flag.kind in _PARSERS:
            writer: flags.ArgumentSerializer[Any] = flags.ArgumentSerializer()
            flags.DEFINE(_PARSERS[flag.kind], flag.name, default, text, serializer=writer)
        elif flag.kind == "bool":
            switch = flags.BooleanFlag(flag.name, default, text)
            switch.parser = _Switch()
            flags.DEFINE_flag(switch)
        else:
            make: Callable[..., Any] = getattr(flags, f"DEFINE_{flag.kind}")
            make(flag.name, default, text)
    DEFINED.extend(table)
    DEFINED.sort(key=lambda flag: GROUPS.index(flag.group))


define(*_OWN, *_generated())
