"""Named experiments: one file each in ``experiments/``, found by name.

The folder is next to ``aedenoise/`` in a checkout and inside it in a wheel.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from aedenoise.config import Experiment
from aedenoise.config.study import Study
from aedenoise.errors import UsageError, nearest


def named_experiments() -> dict[str, str]:
    """Returns the header of each named experiment's file; its first line is a question."""
    package = _named_package()
    return {name: _module(name).__doc__ or "" for name in package.NAMES}


def find_experiment(name: str) -> Experiment:
    """Returns the named experiment; a misspelt name is answered with the nearest one."""
    package = _named_package()
    if name not in package.NAMES:
        raise UsageError(f"unknown experiment {name!r}; {nearest(name, package.NAMES)}")
    found = _module(name).EXPERIMENT
    if not isinstance(found, Experiment) or found.name != name:
        raise UsageError(f"experiments/{name}.py must define EXPERIMENT with name={name!r}")
    return found


def find_study(name: str) -> Study | None:
    """Returns the comparison that a named experiment's file defines as STUDY, if it does."""
    find_experiment(name)
    study: Study | None = getattr(_module(name), "STUDY", None)
    return replace(study, name=name) if study else None


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{_named_package().__name__}.{name}")


def _named_package() -> ModuleType:
    """Imports the package of named experiments under the one name that it has here.

    Raises:
      UsageError: if another package called ``experiments`` hides that of the checkout.
    """
    if importlib.util.find_spec("aedenoise.experiments") is not None:  # a wheel
        return importlib.import_module("aedenoise.experiments")
    expected = Path(__file__).resolve().parents[2] / "experiments" / "__init__.py"
    spec = importlib.util.find_spec("experiments")
    found = spec.origin if spec else None
    if found is None or not expected.exists() or not expected.samefile(found):
        raise UsageError(
            f"named experiments are in {expected.parent}, but Python finds {found or 'none'}; run "
            "from another folder, or install the package"
        )
    return importlib.import_module("experiments")
