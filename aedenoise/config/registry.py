"""Named experiments: one file each in ``experiments/``, found by name.

The folder stands beside ``aedenoise/`` in a checkout and inside it in a wheel.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from aedenoise.errors import UsageError, nearest
from aedenoise.experiment import Experiment
from aedenoise.study.design import Study


def named_experiments() -> dict[str, str]:
    """Name and question (the first line of its file) of each named experiment."""
    package = _named_package()
    return {name: _module(name).__doc__ or "" for name in package.NAMES}


def find_experiment(name: str) -> Experiment:
    """The named experiment; a misspelt name is answered with the nearest one."""
    package = _named_package()
    if name not in package.NAMES:
        raise UsageError(f"unknown experiment {name!r}; {nearest(name, package.NAMES)}")
    found = _module(name).EXPERIMENT
    if not isinstance(found, Experiment) or found.name != name:
        raise UsageError(f"experiments/{name}.py must define EXPERIMENT with name={name!r}")
    return found


def find_study(name: str) -> Study:
    """The comparison that a named experiment's file defines as STUDY; or of its experiment."""
    experiment = find_experiment(name)
    study = getattr(_module(name), "STUDY", None) or Study(base=experiment)
    return replace(study, name=name)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{_named_package().__name__}.{name}")


def _named_package() -> ModuleType:
    """The package of named experiments, as ``aedenoise.experiments``.

    It stands beside ``aedenoise/`` in a checkout and inside it in a wheel; loading it by its
    place keeps a folder of the user's that is also called ``experiments`` out of the way.
    """
    name = "aedenoise.experiments"
    if name in sys.modules:
        return sys.modules[name]
    here = Path(__file__).resolve().parent
    for folder in (here / "experiments", here.parent / "experiments"):
        if (folder / "__init__.py").is_file():
            spec = importlib.util.spec_from_file_location(
                name, folder / "__init__.py", submodule_search_locations=[str(folder)]
            )
            if spec is None or spec.loader is None:
                break
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
            return module
    raise UsageError("this installation has no named experiments; reinstall the package")
