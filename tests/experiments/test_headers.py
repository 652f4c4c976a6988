"""The figures in the headers of the experiments that train in a few minutes, measured again."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, Command

_ANSWER = re.compile(r"(\S+) dB from (\S+) dB.* in (\d+) s")


def answer(path: Path) -> tuple[float, float, int] | None:
    """Reads the PSNR of test images, that of their noisy inputs, and seconds from a header."""
    module = importlib.import_module(f"experiments.{path.stem}")
    found = _ANSWER.search(" ".join((module.__doc__ or "").split()))
    return found and (float(found[1]), float(found[2]), int(found[3]))


ANSWERS = {
    path.stem: found
    for path in sorted((ROOT / "experiments").glob("*.py"))
    if "dB from" in path.read_text(encoding="utf-8") and (found := answer(path))
}


def test_headers_are_read() -> None:
    assert len(ANSWERS) >= 3


@pytest.mark.slow
@pytest.mark.end_to_end
@pytest.mark.scorecard(29)
@pytest.mark.parametrize("name", [name for name, found in ANSWERS.items() if found[2] < 300])
def test_a_header_says_what_its_experiment_reaches(
    name: str, command: Command, tmp_path: Path, reached: Callable[[str], None]
) -> None:
    done = command(
        f"--experiment={name}", "--nobaselines", f"--workdir={tmp_path / 'run'}", timeout=900
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    psnr, of_input, _ = ANSWERS[name]
    # On other processors sums are rounded otherwise, and a training amplifies it.
    assert results["eval"]["psnr"] == pytest.approx(psnr, abs=0.15)
    assert results["noisy"]["psnr"] == pytest.approx(of_input, abs=0.02)
    reached(f"{name}: {results['eval']['psnr']:.2f} dB, header {psnr:.2f}")
