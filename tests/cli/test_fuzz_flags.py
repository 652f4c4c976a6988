"""Flags of any text: each command accepts or refuses them in one line, and never fails inside."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aedenoise import main
from aedenoise.cli import dispatch, grid, values
from aedenoise.cli.commands import COMMANDS
from aedenoise.cli.experiments import read_experiment, read_overrides
from aedenoise.cli.flags import DEFINED, FLAGS
from aedenoise.config.registry import named_experiments
from aedenoise.errors import as_expected

EXAMPLES = 5000 if "--soak" in sys.argv else 300
# Numbers at and beyond every bound, and texts that are nearly numbers.
_NUMBERS = st.one_of(
    st.integers().map(str),
    st.integers(-(10**40), 10**40).map(str),
    st.floats().map(str),
    st.sampled_from(
        [
            *("0", "1", "-1", "1.5", "1e3", "1e400", "-0", "nan", "inf", "0x10", "1_0", "²", "٣"),
            *("2147483648", "4294967296", "+5", "1:2", "0.2:0.6:1"),
        ]
    ),
    st.sampled_from(["9" * 5000, " 5", "5 ", ""]),
)
_LISTS = st.lists(st.one_of(_NUMBERS, st.text(max_size=5)), max_size=5).map(",".join)
_CHOICES = {choice for flag in DEFINED for choice in flag.choices}
_NAMES = st.sampled_from(
    [
        *sorted(_CHOICES),
        *named_experiments(),
        *(
            "gaussian:0.2+poisson",
            "masking:",
            "transpose:k4:notail",
            "upsample:k٣",
            "mnist+notmnist",
        ),
        *("folder:", "npz:", "tfds:a", "folder:~nobody-here/x", "gs://bucket/x"),
        *("a" * 5000, "~", "~nobody-here", "-", "..", "new/", "/proc/self", "/dev/null"),
    ]
)
_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20)


def _one(flag: str) -> st.SearchStrategy[str]:
    return st.one_of(_NUMBERS, _LISTS, _NAMES, _TEXTS).map(lambda value: f"--{flag}={value}")


def _line(command: dispatch.Command) -> st.SearchStrategy[list[str]]:
    """A command with flags that it takes, now and then one that it does not."""
    own = [flag.name for flag in DEFINED if command.uses(flag) and flag.name != "mode"]
    every = [flag.name for flag in DEFINED if flag.name != "mode"]
    names = st.one_of(*[st.sampled_from(own)] * 9, st.sampled_from(every))
    flags = st.lists(names.flatmap(_one), min_size=1, max_size=3)
    needed = [f"--{name}=." for name in command.needs]
    return flags.map(lambda given: [command.name, *needed, *given])


_LINES = st.sampled_from(COMMANDS).flatmap(_line)


@pytest.fixture
def _flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Flags as absl has them before a command line is parsed, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    yield
    _forget()


def _forget() -> None:
    for flag in DEFINED:
        FLAGS[flag.name].unparse()


def _describe(command: dispatch.Command) -> None:
    """Reads every value that the command would read, and carries nothing out."""
    dispatch.check_flags(command)
    values.preempt_exit_code()
    values.checkpoint_choice()
    options = values.run_options(Path("run"))
    assert options.workdir
    values.host_options()
    values.probe_options()
    if command.name == "compare":
        grid.parse_shard(FLAGS.part)
        grid.read_study()
    elif command.name in ("denoise", "sample"):
        if command.name == "denoise":
            values.denoise_options()
        values.sample_choice(Path("run"))
    elif command.name == "export":
        values.export_options(values.workdir())
        values.run_folders()
    elif command.name in ("eval", "probe"):
        read_overrides()
    else:
        base = read_experiment()
        values.noises(FLAGS.train_noises, base.noise)
        values.listed("noise_levels", float)


def _exit_code(arguments: list[str]) -> int:
    """Parses a command line and reads its values; anything that is no expected error is raised."""
    try:
        main._parse(["aedenoise", *arguments])
    except SystemExit as left:
        return int(left.code or 0)
    try:
        _describe(dispatch.find(FLAGS.mode))
    except Exception as error:
        expected = as_expected(error)
        if expected is None:
            raise
        assert "\n" not in " ".join(str(expected).split())
        return expected.exit_code
    return 0


@pytest.mark.scorecard(30)
@pytest.mark.slow
@pytest.mark.usefixtures("_flags")
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(_LINES)
def test_flags_of_any_text_are_answered(line: list[str]) -> None:
    _forget()
    assert _exit_code(line) in (0, 2, 3, 5)
    assert not list(Path().iterdir())
