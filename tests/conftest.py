"""The strict environment of the tests, set before JAX starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# Four CPU devices always, so that anything that holds on one device alone shows itself.
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["JAX_PLATFORMS"] = "cpu"
# The same small programs are compiled, and the same datasets wanted, by many tests and processes:
# once is enough. The processes of pytest-xdist have the folder from the one that started them.
os.environ["AEDENOISE_TEST_FOLDER"] = os.environ.get("AEDENOISE_TEST_FOLDER") or tempfile.mkdtemp(
    prefix="aedenoise-tests-"
)
os.environ["JAX_COMPILATION_CACHE_DIR"] = os.environ["AEDENOISE_TEST_FOLDER"] + "/programs"
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"

import jax
import pytest
import scorecard

jax.config.update("jax_numpy_rank_promotion", "raise")

FOLDER = os.environ["AEDENOISE_TEST_FOLDER"]
ROOT = Path(__file__).resolve().parent.parent
Command = Callable[..., subprocess.CompletedProcess[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--soak", action="store_true", help="the long figures of the scorecard, and its table"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start processes come first: begun last, one of them would keep others waiting."""
    starting = {item.path for item in items if item.get_closest_marker("end_to_end")}
    items.sort(key=lambda item: item.path not in starting)
    for item in items:
        for mark in item.iter_markers("scorecard"):
            item.user_properties.append(("scorecard test", mark.args[0]))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Where several processes test, their reports come here, to the one that writes the table."""
    scorecard.note(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--soak") and "PYTEST_XDIST_WORKER" not in os.environ:
        scorecard.write_table(ROOT / "experiments" / "results" / "reliability.md")


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
    """Removes what was compiled and prepared by this session."""
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
def command(data_dir: str) -> Command:
    """Runs ``python -m aedenoise.main`` with flags, as a user would, on one CPU device."""

    def run(
        *flags: str, devices: int = 1, cwd: Path = ROOT, timeout: int = 180
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "aedenoise.main", *flags],
            cwd=cwd,
            env=command_environment(data_dir, devices),
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run


def command_environment(data_dir: str, devices: int = 1) -> dict[str, str]:
    """The environment of a command of its own: no strictness, its own devices and data."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TFDS_DATA_DIR": data_dir,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
