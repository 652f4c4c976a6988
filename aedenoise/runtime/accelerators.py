"""Accelerators and the processes that hold them, as the operating system reports them.

Without JAX: this diagnoses machines on which JAX does not find its devices.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Device files by platform: nvidia* is CUDA, kfd is ROCm; libtpu opens accel* or, on newer
# machines, vfio/*.
_DEVICES = {
    "gpu": ("nvidia[0-9]*", "kfd"),
    "tpu": ("accel[0-9]*", "accel/accel[0-9]*", "vfio/[0-9]*"),
}


@dataclass(frozen=True)
class Holder:
    """Process that has a device open."""

    pid: int
    command: str
    device: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command}) holds {self.device}"


def seen(devices: Path = Path("/dev")) -> dict[str, list[Path]]:
    """Returns the device files of GPUs and TPUs by platform, without platforms that have none.

    ``/dev/vfio`` also serves other hardware: it counts only where libtpu is installed.
    """
    found: dict[str, list[Path]] = {}
    for platform, patterns in _DEVICES.items():
        files = sorted(file for pattern in patterns for file in devices.glob(pattern))
        if platform == "tpu" and importlib.util.find_spec("libtpu") is None:
            files = [file for file in files if "accel" in file.name]
        if files:
            found[platform] = files
    return found


def expected(
    environment: Mapping[str, str] = os.environ, devices: Path = Path("/dev")
) -> tuple[str, str] | None:
    """Returns the platform that JAX should find, and the reason; None where only a CPU is
    expected."""
    asked = environment.get("JAX_PLATFORMS", "").split(",")[0]
    if asked:
        platform = {"cuda": "gpu", "rocm": "gpu"}.get(asked, asked)
        return None if platform == "cpu" else (platform, f"JAX_PLATFORMS={asked}")
    for platform, files in seen(devices).items():
        return platform, f"this machine has {files[0]}"
    # Cloud TPU machines set these even if their device files are hidden, as in a container.
    for name in ("TPU_NAME", "TPU_WORKER_ID", "TPU_ACCELERATOR_TYPE"):
        if name in environment:
            return "tpu", f"{name} is set"
    return None


def holders(devices: Path = Path("/dev"), processes: Path = Path("/proc")) -> list[Holder]:
    """Lists the processes that have a GPU or TPU open, as far as this user may see."""
    files = {str(file) for group in seen(devices).values() for file in group}
    found = []
    for folder in processes.glob("[0-9]*") if files else ():
        try:
            targets = {str(link.readlink()) for link in (folder / "fd").iterdir()}
            command = (folder / "comm").read_text().strip()
        except OSError:  # it has ended, or belongs to another user
            continue
        found += [Holder(int(folder.name), command, file) for file in sorted(targets & files)]
    return found


def gpu_memory() -> list[str]:
    """Returns name, used and total memory of each NVIDIA GPU, as reported by its driver."""
    query = ["nvidia-smi", "--query-gpu=name,memory.used,memory.total", "--format=csv,noheader"]
    try:
        # A wedged driver blocks nvidia-smi for good, hence the timeout.
        done = subprocess.run(query, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.strip().splitlines()
