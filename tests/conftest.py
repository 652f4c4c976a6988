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
# The same small programs are compiled by many tests and processes: once is enough.
os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="aedenoise-programs-")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")

ROOT = Path(__file__).resolve().parent.parent
Command = Callable[..., subprocess.CompletedProcess[str]]


def pytest_unconfigure() -> None:
    """Removes the programs compiled by this session."""
    shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


@pytest.fixture
def strict_dtypes() -> Iterator[None]:
    """No implicit promotion of dtypes. Optax's Adam does not work under it, our own code does."""
    with jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One folder of prepared datasets for the whole session."""
    return str(tmp_path_factory.mktemp("tfds"))


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
