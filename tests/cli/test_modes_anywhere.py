"""Every mode as a process of its own: warnings are errors, streams are closed, nothing is left."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import ROOT, command_environment

pytestmark = [pytest.mark.slow, pytest.mark.end_to_end]

_FEW = ("--train_examples=64", "--test_examples=120")
_TINY = (
    "--experiment=debug",
    "--encoder_features=4,4",
    "--decoder_features=4,4",
    "--batch_size=32",
    "--epochs=1",
    *_FEW,
)
_GRID = tuple(flag for flag in _TINY if flag != "--epochs=1")
_GAN = (
    "--model=gan",
    "--encoder_features=4,4",
    "--decoder_features=4,4",
    "--latent_size=8",
    "--batch_size=32",
    "--epochs=1",
    *_FEW,
)
_DECODERS = "--decoders=upsample,transpose:k4"
_INPUT = f"--input={ROOT / 'docs' / 'samples' / 'letter.png'}"

# In an order in which each finds what it reads.
MODES: dict[str, tuple[str, ...]] = {
    "train": (*_TINY, "--workdir=run"),
    "one step": (*_TINY, "--train_examples=32", "--workdir=one"),
    "eval": ("eval", "--workdir=run", "--noise_level=0.2"),
    "denoise": ("denoise", "--workdir=run", _INPUT, "--output=out.png"),
    "calibrate": ("calibrate", "--workdir=run"),
    "export": ("export", "--workdir=run"),
    "probe": ("probe", "--workdir=run", "--tune_epochs=1"),
    "hallucination": ("hallucination", "--runs=run", "--workdir=invented"),
    "report": ("report", "--runs=run,one", "--output=page.html"),
    "artifacts": ("artifacts", *_TINY[:3]),
    "data": ("data", "--dataset=notmnist"),
    "gan": (*_GAN, "--workdir=gan"),
    "sample": ("sample", "--workdir=gan"),
    "compare": ("compare", *_GRID, "--steps=2", "--seeds=2", _DECODERS, "--workdir=grid"),
    "robustness": ("robustness", *_TINY, "--train_noises=gaussian:0.4", "--workdir=rows"),
    "doctor": ("doctor",),
}
_REPLACED = (
    "train",
    "one step",
    "denoise",
    "export",
    "gan",
    "sample",
    "compare",
    "robustness",
    "hallucination",
)

# Deprecations inside of other packages concern their authors; a user sees none of them.
_WARNINGS = ("-W", "error", "-W", "ignore::DeprecationWarning", "-W", "ignore::ImportWarning")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the modes run, with a system's temporary folder of its own."""
    folder = tmp_path_factory.mktemp("modes")
    (folder / "tmp").mkdir()
    return folder


def run(
    place: Path,
    data_dir: str,
    words: tuple[str, ...],
    redirected: str,
    variables: Mapping[str, str],
) -> subprocess.CompletedProcess[str]:
    """Runs one command in a shell, which redirects its streams."""
    shell = f'"$0" {" ".join(_WARNINGS)} -m aedenoise.main "$@" {redirected}'
    environment = {**command_environment(data_dir), "TMPDIR": str(place / "tmp"), **variables}
    return subprocess.run(
        ["bash", "-c", shell, sys.executable, *words],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.mark.scorecard(27)
@pytest.mark.scorecard(28)
@pytest.mark.parametrize("mode", MODES)
def test_no_library_warns_and_no_temporary_file_stays(
    mode: str, place: Path, data_dir: str
) -> None:
    done = run(
        place,
        data_dir,
        MODES[mode],
        "",
        # As a notebook's `!python` passes it on.
        {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert list((place / "tmp").iterdir()) == []
    # A lock is empty and stays: removing it would let two processes hold it.
    hidden = [path.name for path in place.rglob(".*") if path.is_file()]
    assert [name for name in hidden if not name.endswith(".lock")] == []


@pytest.mark.scorecard(26)
@pytest.mark.parametrize(
    "redirected", ["<&- 2>&-", "| head -c 0; exit ${PIPESTATUS[0]}"], ids=["closed", "left"]
)
@pytest.mark.parametrize("mode", MODES)
def test_closed_streams_and_plain_ascii(
    mode: str, redirected: str, place: Path, data_dir: str
) -> None:
    again = ["--overwrite"] * (mode in _REPLACED)
    done = run(place, data_dir, (*MODES[mode], *again), redirected, {"PYTHONIOENCODING": "ascii"})
    assert "rror" not in done.stderr
    # A command whose reader left ends as others do, without a word.
    assert done.returncode in ((0,) if ">" in redirected else (0, 128 + 13)), done.stderr
    assert done.stdout.isascii()
