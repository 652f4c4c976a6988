"""Matplotlib's figures, without pyplot, windows or a backend that is chosen for the process.

``Figure`` is imported from here, since matplotlib refuses to be imported where ``MPLBACKEND`` names
a backend that is not installed, as in a command that a notebook of another environment starts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aedenoise.files import cache_folder, has_home


@contextmanager
def _any_environment() -> Iterator[None]:
    """Imports matplotlib whatever backend and home folder the environment has."""
    chosen = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    if not has_home():
        # The list of fonts is kept there; without a home matplotlib would fail.
        os.environ.setdefault("MPLCONFIGDIR", str(cache_folder() / "matplotlib"))
    yield
    if chosen is not None:
        os.environ["MPLBACKEND"] = chosen
        # For the windows of a program that imports this package, such as a notebook.
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = chosen


with _any_environment():
    import matplotlib
    from matplotlib import colormaps
    from matplotlib.figure import Figure

__all__ = ["Figure", "colormaps"]
