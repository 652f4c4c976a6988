"""The strict environment of the tests, set before JAX starts."""

from __future__ import annotations

import gc
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Four CPU devices always, so that anything that holds on one device alone shows itself.
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["JAX_PLATFORMS"] = "cpu"
# The same datasets are wanted by many tests and processes: once is enough. The processes of
# pytest-xdist have the folder from the one that started them.
os.environ["AEDENOISE_TEST_FOLDER"] = os.environ.get("AEDENOISE_TEST_FOLDER") or tempfile.mkdtemp(
    prefix="aedenoise-tests-"
)
# Programs are kept from one session to the next: half of a session's time is their compilation.
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(Path(__file__).resolve().parent.parent / ".programs")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
# The networks of the tests are small: most of their time is LLVM's. Figures of the scorecard are
# those of programs as users have them.
if "--soak" not in sys.argv:
    os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import helpers
import jax
import pytest
import scorecard

jax.config.update("jax_numpy_rank_promotion", "raise")

FOLDER = os.environ["AEDENOISE_TEST_FOLDER"]
ROOT = Path(__file__).resolve().parent.parent
# Linux counts kilobytes, macOS bytes.
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
_memory: list[int] = []
Command = Callable[..., subprocess.CompletedProcess[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--soak", action="store_true", help="the long figures of the scorecard, and its table"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start processes come first: begun last, one of them would keep others waiting."""
    starting = {item.path for item in items if item.get_closest_marker("end_to_end")}
    items.sort(key=lambda item: item.path not in starting)
    for item in items:
        for mark in item.iter_markers("scorecard"):
            item.user_properties.append(("scorecard test", mark.args[0]))
        mark = item.get_closest_marker("fast_cases")
        if mark is not None and item.callspec.id not in mark.args:
            item.add_marker(pytest.mark.slow)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Where several processes test, their reports come here, to the one that writes the table."""
    scorecard.note(report)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Notes the memory of this process, or hands it to the process that started it."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["memory"] = memory
    else:
        _memory.append(memory)
    if session.config.getoption("--soak") and "PYTEST_XDIST_WORKER" not in os.environ:
        scorecard.write_table(ROOT / "experiments" / "results" / "reliability.md")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes the memory that a process of pytest-xdist reached."""
    _memory.append(getattr(node, "workeroutput", {}).get("memory", 0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    largest = max(_memory, default=0)
    terminalreporter.write_line(f"largest test process: {largest / 1e9:.2f} GB")


@pytest.fixture(scope="module", autouse=True)
def _clear_caches() -> Iterator[None]:
    """Frees compiled programs between modules; those wanted again are read from the disk."""
    yield
    helpers.forget_workloads()
    jax.clear_caches()
    gc.collect()


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> bool:
    """Whether the long figures are asked for."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture
def reached(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Notes the figure that a test of the scorecard reached."""
    (number,) = request.node.get_closest_marker("scorecard").args

    def note(figure: str) -> None:
        request.node.user_properties.append(("scorecard", (number, figure)))

    return note


def pytest_unconfigure() -> None:
    """Removes the data that this session prepared."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(FOLDER, ignore_errors=True)


@pytest.fixture
def strict_dtypes() -> Iterator[None]:
    """No implicit promotion of dtypes. Optax's Adam does not work under it, our own code does."""
    with jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture(scope="session")
def data_dir() -> str:
    """One folder of prepared datasets for the whole session."""
    return f"{FOLDER}/data"


@pytest.fixture(scope="session")
def command(data_dir: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """Runs the command line with flags, as a user would, on one CPU device.

    Commands are forks of a process that has imported everything; see ``command_server.py``.
    """
    folder = tmp_path_factory.mktemp("command")
    files = {name: folder / name for name in ("stdout", "stderr")}

    def run(
        *flags: str, devices: int = 1, cwd: Path = ROOT, timeout: int = 180
    ) -> subprocess.CompletedProcess[str]:
        request = {
            "arguments": flags,
            "cwd": str(cwd),
            "env": command_environment(data_dir, devices),
            "timeout": timeout,
            **{name: str(path) for name, path in files.items()},
        }
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        code = json.loads(server.stdout.readline())
        said = {name: path.read_text() for name, path in files.items()}
        if code is None:
            raise subprocess.TimeoutExpired(flags, timeout, said["stdout"], said["stderr"])
        return subprocess.CompletedProcess(flags, code, **said)

    # Forks of a process with one thread are safe, so NumPy gets no threads of its own.
    with subprocess.Popen(
        [sys.executable, ROOT / "tests" / "command_server.py"],
        env={**command_environment(data_dir), "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        yield run


def command_environment(data_dir: str, devices: int = 1) -> dict[str, str]:
    """The environment of a command of its own: no strictness, its own devices and data."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TFDS_DATA_DIR": data_dir,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
