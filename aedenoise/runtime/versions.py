"""Versions of this package and of the packages that its results depend on."""

from __future__ import annotations

import importlib.metadata
import platform

from aedenoise import __version__

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def versions() -> dict[str, str]:
    """Returns versions by package name, without importing any package."""
    return {
        "aedenoise": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }
