"""The command ``doctor``: devices and their holders, data, disks; checkerboards of a model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Command, command_environment
from random_networks import MODELS, denoiser

import aedenoise
from aedenoise.errors import GRID_FOUND
from aedenoise.runtime import accelerators


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    """Makes a ``/dev`` with two GPUs, and a ``/proc`` in which process 7 has the second open."""
    devices, processes = tmp_path / "dev", tmp_path / "proc"
    devices.mkdir()
    for name in ("nvidia0", "nvidia1", "nvidiactl", "null"):
        (devices / name).touch()
    for pid, held in ((7, "nvidia1"), (8, "null")):
        (processes / str(pid) / "fd").mkdir(parents=True)
        (processes / str(pid) / "fd" / "3").symlink_to(devices / held)
        (processes / str(pid) / "comm").write_text("python3\n")
    (processes / "9").mkdir()  # another user's
    return devices, processes


def test_gpus_and_who_holds_them(machine: tuple[Path, Path]) -> None:
    devices, processes = machine
    assert {k: len(v) for k, v in accelerators.seen(devices).items()} == {"gpu": 2}
    (holder,) = accelerators.holders(devices, processes)
    assert str(holder) == f"process 7 (python3) holds {devices / 'nvidia1'}"


def test_what_jax_should_find(machine: tuple[Path, Path], tmp_path: Path) -> None:
    devices, _ = machine
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    assert accelerators.expected({}, nothing) is None
    assert accelerators.expected({}, devices) == ("gpu", f"this machine has {devices / 'nvidia0'}")
    assert accelerators.expected({"JAX_PLATFORMS": "cpu"}, devices) is None
    assert accelerators.expected({"JAX_PLATFORMS": "cuda,cpu"}, nothing) == (
        "gpu",
        "JAX_PLATFORMS=cuda",
    )
    assert accelerators.expected({"TPU_NAME": "pod"}, nothing) == ("tpu", "TPU_NAME is set")


def test_tpus_and_what_only_looks_like_one(tmp_path: Path) -> None:
    (tmp_path / "vfio").mkdir()
    (tmp_path / "vfio" / "0").touch()
    assert accelerators.seen(tmp_path) == {}  # libtpu is not installed here
    (tmp_path / "accel0").touch()
    assert list(accelerators.seen(tmp_path)) == ["tpu"]


@pytest.mark.end_to_end
def test_a_machine_that_can(command: Command, tmp_path: Path) -> None:
    done = command("--mode=doctor", f"--workdir={tmp_path / 'run'}")
    assert done.returncode == 0, done.stderr
    assert "1 x cpu (cpu)" in done.stdout
    assert done.stdout.splitlines()[-1] == "all is well"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_machine_that_cannot(command: Command, tmp_path: Path, data_dir: str) -> None:
    done = command("--mode=doctor", f"--workdir={tmp_path / 'run'}", "--dataset=folder:/nowhere")
    assert done.returncode == 3
    assert done.stderr == "aedenoise: 1 of 7 are wrong: data\n"
    assert "is not a folder" in done.stdout
    (tmp_path / "file").touch()
    done = command("--mode=doctor", f"--workdir={tmp_path / 'file' / 'run'}")
    assert done.returncode == 5
    assert "cannot be written" in done.stdout


@pytest.mark.end_to_end
def test_an_accelerator_that_jax_does_not_find(data_dir: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "aedenoise.main", "--mode=doctor"],
        env={**command_environment(data_dir), "JAX_PLATFORMS": "cuda"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert "JAX_PLATFORMS=cuda: install JAX for it" in done.stdout
    assert done.stderr == "aedenoise: 1 of 7 are wrong: devices\n"


@pytest.mark.end_to_end
@pytest.mark.parametrize("platform", ["cuda", "nonsense"])
def test_a_platform_that_is_not_here_is_one_line(
    command: Command, tmp_path: Path, platform: str
) -> None:
    if platform == "cuda" and Path("/dev/nvidia0").exists():
        pytest.skip("this machine has an NVIDIA GPU, which JAX may find")
    flag = f"--jax_platforms={platform}"
    done = command("--experiment=debug", flag, f"--workdir={tmp_path / 'run'}")
    assert done.returncode == 2
    assert f"JAX finds no device of {platform}" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    done = command("--mode=doctor", flag, f"--workdir={tmp_path / 'run'}")
    assert done.returncode == 2
    assert f"JAX_PLATFORMS={platform}" in done.stdout


@pytest.mark.end_to_end
def test_checkerboards_of_a_model(command: Command, tmp_path: Path) -> None:
    network, cured = tmp_path / "net.onnx", tmp_path / "cured.onnx"
    aedenoise.export(denoiser(**MODELS["transpose k3"]), "onnx", network)
    found = command("--mode=doctor", f"--model_file={network}", f"--output={cured}")
    assert found.returncode == GRID_FOUND
    assert "kernel 3 is no multiple of stride 2" in found.stdout
    assert f"{cured} has the cured weights" in found.stdout
    again = command("--mode=doctor", f"--model_file={network}", f"--output={cured}")
    assert (again.returncode, again.stderr.count("\n")) == (5, 1)
    assert "--overwrite" in again.stderr
    assert command("--mode=doctor", f"--model_file={cured}").returncode == 0


@pytest.mark.end_to_end
def test_models_that_cannot_be_examined(command: Command, tmp_path: Path) -> None:
    for flags, code, words in (
        (["--model_file=none.onnx"], 3, "there is no file"),
        ([f"--output={tmp_path / 'cured.onnx'}"], 2, "--model_file"),
        (["--model_file=none.onnx", "--output=cured.txt"], 2, "ends with .onnx"),
        (["--model_file=none.onnx", "--output=none.onnx"], 2, "the model itself"),
    ):
        found = command("--mode=doctor", *flags)
        assert (found.returncode, found.stderr.count("\n")) == (code, 1)
        assert words in found.stderr
