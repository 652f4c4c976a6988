"""The documentation site: it builds without a warning, offline, and its notebooks run."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, command_environment

_NEEDED = ("sphinx", "myst_nb", "sphinx_book_theme")
_missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]


@pytest.mark.slow
@pytest.mark.end_to_end
@pytest.mark.skipif(bool(_missing), reason=f"no {', '.join(_missing)}; make docs installs them")
def test_the_site_builds_without_warnings_and_its_links_hold(tmp_path: Path, data_dir: str) -> None:
    site = tmp_path / "site"
    build = [
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-c",
        "docs",
        "-d",
        str(tmp_path / "trees"),
    ]
    for arguments in ([*build, ".", str(site)], ["docs/check_site.py", str(site)]):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=command_environment(data_dir),
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    for page in ("index.html", "docs/index.html", "docs/denoise.html", "docs/notebooks/taps.html"):
        assert (site / page).is_file()
