"""The command ``doctor``: checks of this machine within seconds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from aedenoise.config import Experiment
from aedenoise.config.options import RunOptions
from aedenoise.errors import AedenoiseError, StorageError, as_expected
from aedenoise.files import cache_folder
from aedenoise.reporting.console import say
from aedenoise.runtime import accelerators
from aedenoise.runtime.versions import versions

# In seconds: a hanging accelerator must not hang the command.
_SECONDS = 60
_LOW_DISK = 2**30
# JAX lists its devices in a process of its own, so that this one holds no accelerator memory.
_ASK = (
    "import jax, json; d = jax.devices(); "
    "print(json.dumps([jax.default_backend(), len(d), d[0].device_kind]))"
)


@dataclass(frozen=True)
class Finding:
    """Result of one check; ``exit_code`` 0 stands for success."""

    what: str
    text: str
    exit_code: int = 0


def examine(experiment: Experiment, options: RunOptions) -> int:
    """Prints a line for each check, and a summary of failures on stderr.

    Returns:
      0, or the exit code of the first failure: 2 devices, 3 data, 5 storage.
    """
    findings: list[Finding] = []
    for finding in _findings(experiment, options):
        findings.append(finding)
        say(f"{finding.what:<13}{'WRONG: ' if finding.exit_code else ''}{finding.text}")
    wrong = [finding for finding in findings if finding.exit_code]
    if not wrong:
        say("all is well")
        return 0
    names = ", ".join(finding.what for finding in wrong)
    print(f"aedenoise: {len(wrong)} of {len(findings)} are wrong: {names}", file=sys.stderr)
    return wrong[0].exit_code


def _findings(experiment: Experiment, options: RunOptions) -> Iterator[Finding]:
    found = ", ".join(f"{name} {version}" for name, version in versions().items())
    yield Finding("versions", found)
    yield _devices()
    yield Finding("held by", _held())
    yield _kernels()
    yield _checked("data", lambda: _data(experiment, options))
    yield _checked("workdir", lambda: _writable(options.workdir))
    yield _checked("cache", lambda: _writable(cache_folder()))


def _devices() -> Finding:
    # Preallocation would take most of the memory of a GPU that a run may be using.
    environment = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", **os.environ}
    asked = _platforms()
    if asked:
        environment["JAX_PLATFORMS"] = asked
    expected = accelerators.expected(environment)
    try:
        done = subprocess.run(
            [sys.executable, "-c", _ASK],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return Finding("devices", f"JAX finds none within {_SECONDS} s; see held by below", 2)
    wanted, why = expected or ("", "")
    extra = {"gpu": "cuda", "tpu": "tpu"}.get(wanted, wanted)
    advice = (
        f"{why}: install JAX for it (pip install -e '.[{extra}]'), check its driver, or set "
        "JAX_PLATFORMS=cpu"
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return Finding("devices", f"JAX finds none ({last[:300]}){wanted and f'; {advice}'}", 2)
    found, count, kind = json.loads(done.stdout.strip().splitlines()[-1])
    text = f"{count} x {kind} ({found})"
    if wanted and found != wanted:
        return Finding("devices", f"{text}, but {advice}", 2)
    return Finding("devices", text)


def _platforms() -> str | None:
    """Returns ``--jax_platforms`` or ``JAX_PLATFORMS``; JAX looks for no device yet."""
    import jax

    platforms: str | None = getattr(jax.config, "jax_platforms", None)
    return platforms


def _held() -> str:
    lines = [str(holder) for holder in accelerators.holders()]
    return "; ".join(lines + accelerators.gpu_memory()) or "no accelerator is in use here"


def _kernels() -> Finding:
    import jax

    from aedenoise.ops import native

    # Packed kernels are tried in this process, which must hold no accelerator.
    jax.config.update("jax_platforms", "cpu")
    if native.needs_compiling():
        return Finding("kernels", "to be compiled in the first run on a CPU, about 20 s")
    kernels = native.load()
    return Finding("kernels", kernels.problem or kernels.origin)


def _data(experiment: Experiment, options: RunOptions) -> str:
    from aedenoise.data.sources import find_source

    found = []
    for name in experiment.data.parts:
        config = replace(experiment.data, dataset=name)
        source = find_source(config, options.data_dir, options.manual_dir)
        state = "ready" if source.ready() else "to be prepared in the first run"
        found.append(f"{name} is {state}, in {source.folder}; {_space(source.folder)}")
    return "; ".join(found)


def _writable(folder: Path) -> str:
    try:
        # A real write with fsync: permissions alone do not show quotas and full disks.
        with tempfile.NamedTemporaryFile(dir=_existing(folder)) as file:
            file.write(bytes(2**16))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror}") from error
    return f"{folder} can be written; {_space(folder)}"


def _space(folder: Path) -> str:
    free = shutil.disk_usage(_existing(folder)).free
    low = ", which is little" if free < _LOW_DISK else ""
    return f"{free / 2**30:,.1f} GB free{low}"


def _existing(folder: Path) -> Path:
    """Returns the folder, or its nearest parent that exists."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _checked(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, check())
    except (AedenoiseError, OSError) as error:
        expected = as_expected(error)
        text = " ".join(str(expected or error).split())
        return Finding(what, text, expected.exit_code if expected else 5)
