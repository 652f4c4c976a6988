"""Commands and flags: words and --mode, help, and the generated reference."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
from conftest import Command

from aedenoise.cli import reference
from aedenoise.cli.commands import COMMANDS
from aedenoise.cli.dispatch import find
from aedenoise.cli.flags import DEFINED, FLAGS, GROUPS
from aedenoise.cli.help import command_help, overview
from aedenoise.config import Experiment
from aedenoise.config.denoise_options import DenoiseOptions
from aedenoise.config.fields import option_fields
from aedenoise.config.options import HostOptions, ProbeOptions, RunOptions
from aedenoise.config.study import Study

WRONG_WORDS = [
    (["trian"], "unknown command 'trian'; did you mean 'train'?"),
    (["trian", "--help"], "did you mean 'train'"),
    (["x" * 5000], "unknown command"),
    (["docs"], "docs is a file or folder; which command? To denoise: denoise docs"),
    (["denoise", "README.md", "README.md"], "README.md is named twice; name it once"),
    (["denoise"], "denoise needs INPUT or --input"),
    (["help", "trian"], "did you mean 'train'"),
    (["denoise", "--mode=eval"], "denoise contradicts --mode=eval"),
    (["--mode=eval", "denoise"], "denoise contradicts --mode=eval"),
    (["denoise", "--input=.", "--epochs=2"], "takes a trained network"),
    (["denoise", "--input=.", "--experiment=debug"], "takes a trained network"),
    (
        ["denoise", "a.png", "b.png", "--output=c.png"],
        "there are 2 to denoise; give a folder, such",
    ),
    (["denoise", "a.png", "--input=b.png", "--output=c.png"], "--output=c.png names one picture"),
    (["denoise", "a.png", "-"], "standard input is one picture; leave out - or the files"),
    (["denoise", "a.png", "docs"], "docs is a folder; give it alone"),
    (["denoise", "a.png", "b.png", "--output=-"], "standard output takes one picture"),
    (["denoise", "--input="], "denoise needs INPUT or --input"),
    (["eval", "runs/a", "runs/b"], "eval takes one --workdir, not runs/a and runs/b; leave out"),
    (["report", "runs/a", "runs/b"], "give --runs=A,B"),
    (["--mode=denoise", "a.png", "b.png", "--output=c.png"], "there are 2 to denoise"),
    (["export", "--overwrite", "true"], "unexpected argument 'true'; a switch is"),
    (["train", "runs/none"], "unexpected argument 'runs/none'"),
    (["data", "mnist"], "unexpected argument 'mnist'"),
    (["invent", "--mode=hallucination", "--seed=-1"], "seed must be"),
    (["--mode=hallucination", "--noise_levels=low"], "--noise_levels takes numbers"),
    (["train", "--decoders=upsample"], "is for compare and hallucination"),
    (["--experiment=mlp_basic", "--noise_level=0.2"], "does not count with --noise=none"),
    (["--experiment=keras_io", "--epochs=1", "--clean_epochs=1"], "clean_epochs"),
    (["compare", "--experiment=blind"], "--noise_levels=0.2,0.4"),
    (["compare", "--condition=noise_level"], "use --condition=none"),
    (["compare", "--clean_epochs=1"], "use --clean_epochs=0"),
    (["export", "--format=pdf"], "unknown format 'pdf'; known: onnx"),
    (["--dataset=folder:"], "has nothing after the colon"),
]


@pytest.mark.parametrize(("flags", "words"), WRONG_WORDS, ids=lambda value: str(value)[:40])
def test_wrong_words_are_one_line_and_exit_2(
    command: Command, flags: list[str], words: str
) -> None:
    done = command(*flags, timeout=20)
    assert done.returncode == 2, done
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_the_help_of_a_command_fits_a_screen(name: str) -> None:
    lines = command_help(name).splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 100
    subject = find(name).subject
    needed = [f" {f.upper()} " if f == subject else f"--{f}=..." for f in find(name).needs]
    assert all(each in lines[0] for each in needed)


def test_the_overview_names_every_command() -> None:
    lines = overview().splitlines()
    assert len(lines) <= 50
    assert all(f"  {command.name} " in overview() for command in COMMANDS)


@pytest.mark.parametrize("asked", [["denoise", "--help"], ["--mode=denoise", "--help"]])
def test_help_of_word_and_mode_is_the_same(command: Command, asked: list[str]) -> None:
    done = command(*asked)
    assert (done.returncode, done.stdout) == (0, command_help("denoise") + "\n")


def test_the_package_runs_like_its_main_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "aedenoise", "help", "denoise"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == command_help("denoise") + "\n"


def test_every_flag_has_a_command_a_group_and_help() -> None:
    for flag in DEFINED:
        assert any(command.uses(flag) for command in COMMANDS), flag.name
        assert flag.group in GROUPS
        assert flag.help[-1] != "."
    names = {flag.name for flag in DEFINED} | set(GROUPS)
    for command in COMMANDS:
        asked = {*command.flags, *command.needs, *command.meanings, *command.instead}
        assert asked <= names, command.name


def test_defaults_stand_in_the_dataclasses_alone() -> None:
    for config in (Experiment, Study):
        for field in option_fields(config):
            assert FLAGS[field.flag].default is None, field.flag
    for config in (RunOptions, HostOptions, ProbeOptions, DenoiseOptions):
        for field in option_fields(config):
            assert FLAGS[field.flag].default == field.default, field.flag


def test_fields_without_a_flag_are_known() -> None:
    described = {field.path for field in option_fields(Experiment)}
    silent = {"name", "noise.level_max"} | {f"optimizer.{n}" for n in ("warmup", "b1", "b2", "eps")}
    paths = set()
    for field in dataclasses.fields(Experiment):
        value = getattr(Experiment(), field.name)
        inner = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
        paths |= {f"{field.name}.{each.name}" for each in inner} or {field.name}
    assert paths - described == silent


def test_the_reference_is_current() -> None:
    current = reference.PAGE.read_text(encoding="utf-8")
    assert current == reference.reference(), "run python -m aedenoise.cli.reference"
    assert all(f"| `--{flag.name}` |" in current for flag in DEFINED)
