"""What a process finds around it: no home, closed streams, an output of ASCII alone."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aedenoise.config.validation import local_path
from aedenoise.errors import UsageError
from aedenoise.files import cache_folder, temporary_home
from aedenoise.runtime.home import ensure_home


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user without ``HOME`` and without an entry in the user database."""

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    temporary_home.cache_clear()
    yield tmp_path
    temporary_home.cache_clear()


def test_without_a_home_a_private_temporary_folder_serves(homeless: Path) -> None:
    said: list[str] = []
    ensure_home(said.append)
    ensure_home(said.append)
    home = Path(os.environ["HOME"])
    assert (home.parent, home.stat().st_mode & 0o777) == (homeless, 0o700)
    assert cache_folder() == home / ".cache" / "aedenoise"
    assert said == [f"this user has no home: caches and data go to {home}; set HOME to keep them"]


@pytest.mark.parametrize("foreign", ["open to all", "a link"])
def test_a_temporary_home_that_others_can_write_is_not_used(homeless: Path, foreign: str) -> None:
    taken = homeless / f"aedenoise-{os.getuid()}"
    if foreign == "a link":
        (homeless / "elsewhere").mkdir(mode=0o700)
        taken.symlink_to("elsewhere")
    else:
        taken.mkdir()
        taken.chmod(0o777)
    assert cache_folder().parent.parent not in (taken, homeless / "elsewhere")
    assert temporary_home() == temporary_home()
    assert temporary_home().stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("/a/b", "/a/b/aedenoise"),
        ("~/b", "/home/of/b/aedenoise"),
        ("b", "/home/of/.cache/aedenoise"),
        ("", "/home/of/.cache/aedenoise"),
    ],
)
def test_the_cache_folder_follows_the_xdg_rules(
    asked: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/of")
    monkeypatch.setenv("XDG_CACHE_HOME", asked)
    assert cache_folder() == Path(found)


def test_the_home_of_an_unknown_user_is_one_error() -> None:
    with pytest.raises(UsageError, match="workdir ~no-such-user/runs: unknown home folder"):
        local_path("workdir", "~no-such-user/runs")


def started(code: str, *redirections: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" {" ".join(redirections)}', sys.executable, code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_closed_streams_are_opened_on_the_null_device(tmp_path: Path) -> None:
    code = (
        "import os, sys; from aedenoise.runtime.streams import ensure_streams; ensure_streams()\n"
        "print(sys.stderr.isatty(), file=sys.stderr, flush=True); print('lost', flush=True)\n"
        "from aedenoise.runtime.streams import is_closed; assert is_closed('stdout')\n"
        f"sys.exit(os.open({str(tmp_path / 'file')!r}, os.O_CREAT | os.O_WRONLY) < 3)"
    )
    assert started(code, "<&-", ">&-", "2>&-").returncode == 0
    assert started(code, "<&-", "2>&-").returncode == 1  # stdout is open


def test_characters_that_the_output_lacks_are_escaped() -> None:
    code = (
        "from aedenoise.runtime.streams import escape_unprintable; escape_unprintable()\n"
        "print('reading \\u2026', 'bad\\udcff.png')"
    )
    assert started(code, PYTHONIOENCODING="ascii").stdout == "reading \\u2026 bad\\udcff.png\n"
    assert started(code, PYTHONIOENCODING="utf-8").stdout == "reading \u2026 bad\\udcff.png\n"


@pytest.mark.parametrize(
    "backend", ["module://matplotlib_inline.backend_inline", "nonsense", "svg"]
)
def test_figures_are_drawn_whatever_backend_is_named(tmp_path: Path, backend: str) -> None:
    code = (
        "import os, sys, numpy; from aedenoise.reporting.figures import heat_map\n"
        "from pathlib import Path\n"
        f"heat_map(Path({str(tmp_path / 'a.png')!r}), numpy.eye(2), rows='ab', columns='cd', "
        "title='')\n"
        "import matplotlib; print(os.environ['MPLBACKEND'], 'matplotlib.pyplot' in sys.modules)"
    )
    done = started(code, MPLBACKEND=backend)
    assert (done.stdout, done.stderr) == (f"{backend} False\n", "")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
