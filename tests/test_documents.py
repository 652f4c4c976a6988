"""Documents agree with the code: links, names, files, sample pictures and the script."""

from __future__ import annotations

import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

import aedenoise
from aedenoise.data.pictures import read_picture
from experiments import samples

CHANGELOG = ROOT / "CHANGELOG.md"
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", CHANGELOG, *sorted((ROOT / "docs").glob("*.md"))]
# The changelog names modules of earlier versions.
CURRENT = [page for page in PAGES if page != CHANGELOG]


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def headings(page: Path) -> set[str]:
    """Returns the anchors of a page's headings."""
    titles = re.findall(r"^#+ (.*)$", read(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_linked_file_and_heading_exists(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", read(page)):
        if target.startswith(("http:", "https:")):
            continue
        name, _, heading = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if heading:
            assert heading in headings(file), target


@pytest.mark.parametrize("page", CURRENT, ids=lambda page: page.name)
def test_every_named_path_and_module_exists(page: Path) -> None:
    text = read(page)
    # A path without a suffix is a folder.
    for path in re.findall(r"`((?:aedenoise|experiments|tests|docs)/[\w./-]*)`", text):
        assert (ROOT / path).exists(), path
    for dotted in re.findall(r"\baedenoise(?:\.[a-z_]+)+(?![\w/])", text):
        pkgutil.resolve_name(dotted)


def test_the_readme_fits_on_two_screens() -> None:
    assert len(read(README).splitlines()) <= 150


def test_the_sample_pictures_are_drawn_by_their_script() -> None:
    for name, pixels in samples.samples().items():
        file = samples.FOLDER / name
        assert file.stat().st_size < 60_000
        np.testing.assert_allclose(read_picture(file).pixels, pixels, atol=1e-6)


def test_the_version_is_the_same_everywhere() -> None:
    version = aedenoise.__version__
    assert f"\nversion: {version}\n" in read(ROOT / "CITATION.cff")
    assert re.search(r"^## (\S+)", read(CHANGELOG), re.MULTILINE)[1] == version


@pytest.mark.slow
def test_the_script_with_own_parts_trains_resumes_and_denoises(tmp_path: Path) -> None:
    (script,) = [
        block
        for block in re.findall(r"```python\n(.*?)```", read(ROOT / "docs/python.md"), re.DOTALL)
        if "nn.Module" in block
    ]
    assert len([line for line in script.splitlines() if line.strip()]) <= 25
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    psnr, error = re.search(r"^(\S+) dB on the test images, MSE (\S+)$", done.stdout, re.M).groups()
    assert (tmp_path / "runs" / "blocks" / "results.json").exists()
    # The noisy images have about 11 dB, an error of about 0.08.
    assert float(psnr) > 13.0
    assert float(error) < 0.05
